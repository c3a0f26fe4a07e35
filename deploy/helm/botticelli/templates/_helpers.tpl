{{/* Names, labels and the parts that all pods share. */}}

{{- define "botticelli.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "botticelli" $name) }}{{ $name = printf "%s-botticelli" $name }}{{ end -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "botticelli.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "botticelli.selector" . }}
{{- end }}

{{- define "botticelli.selector" -}}
app.kubernetes.io/name: botticelli
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "botticelli.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "botticelli.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "botticelli.name" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{/* What every pod has: no token of the cluster, no variables of Services, no root. */}}
{{- define "botticelli.pod" -}}
enableServiceLinks: false # a Service called botticelli would make variables that look like settings
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: data
    emptyDir: { sizeLimit: 1Gi }
  - name: tmp
    emptyDir: { sizeLimit: 1Gi }
  - name: secret
    secret: { secretName: {{ .Values.secret.name | quote }}, defaultMode: 0440 }
  {{- if .Values.settings }}
  - name: settings
    configMap: { name: {{ include "botticelli.name" . }} }
  {{- end }}
{{- end }}

{{/* What every container has. */}}
{{- define "botticelli.container" -}}
image: {{ include "botticelli.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: ["ALL"] }
env:
  - name: BOTTICELLI_HOME
    value: /data
  - name: BOTTICELLI_WORKER__THREADS
    value: {{ .Values.worker.threads | quote }}
  - name: BOTTICELLI_WORKER__SHUTDOWN_GRACE_SECONDS
    value: {{ .Values.worker.shutdownGraceSeconds | quote }}
  {{- /* /metrics needs a token where an ingress would show it to others than Prometheus. */}}
  - name: BOTTICELLI_HTTP__OPEN_METRICS
    value: {{ not .Values.serve.ingress.enabled | quote }}
  {{- range .Values.secret.keys }}
  - name: {{ . }}_FILE
    value: /run/secrets/botticelli/{{ . }}
  {{- end }}
  {{- if .Values.settings }}
  - name: BOTTICELLI_CONFIG
    value: /etc/botticelli/botticelli.toml
  {{- end }}
  {{- range $name, $value := .Values.environment }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
volumeMounts:
  - name: data
    mountPath: /data
  - name: tmp
    mountPath: /tmp
  - name: secret
    mountPath: /run/secrets/botticelli
    readOnly: true
  {{- if .Values.settings }}
  - name: settings
    mountPath: /etc/botticelli
    readOnly: true
  {{- end }}
{{- end }}
