"""Compares the parameters of a narrative with what its models accept, before a run exists. Calls no model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from botticelli.carousel.plan.planned_calls import Call, Plan
from botticelli.drivers import NO_PARAMETERS, Choice, Finding, KnowsParameters
from botticelli.errors import InvalidInput, NarrativeError, Problem
from botticelli.narrative.execution import PARAMETERS, CallParameters
from botticelli.narrative.model import Act, Narrative
from botticelli.runtime.process import Runtime

RUN_KEY = "service_tier"
"""The parameter that a run may choose for all calls, whatever the narrative says."""


def check_parameters(runtime: Runtime, plan: Plan, narrative: Narrative, source: str) -> list[str]:
    """Return a warning for each parameter that a model ignores.

    NarrativeError, with file, line and column, for those that a model of an act refuses, as a fallback too; InvalidInput
    for a service tier of the run that one of its models doesn't have.
    """
    problems: dict[str, Problem] = {}
    warnings: dict[str, None] = {}
    for position, planned in plan.items():
        act = narrative.acts[position]
        parameters = narrative.parameters_for(act)
        for call in (planned, *planned.fallbacks):
            for finding in _findings(runtime, call, parameters):
                if finding.key == RUN_KEY and _is_of_run(narrative):
                    raise InvalidInput(f"act {act.name}: {finding.reason}", where=RUN_KEY, do=finding.do)
                problem = _problem(source, act, parameters, finding)
                if finding.is_error:
                    problems[str(problem)] = problem
                else:
                    warnings[str(problem)] = None
    if problems:
        raise NarrativeError(
            sorted(problems.values(), key=lambda problem: (problem.file, problem.line, problem.column))
        )
    return list(warnings)


def _findings(runtime: Runtime, call: Call, parameters: CallParameters) -> Iterator[Finding]:
    driver = runtime.drivers.get(call.model.provider)
    accepted = driver.parameters(call.model.model) if isinstance(driver, KnowsParameters) else NO_PARAMETERS
    choice = Choice(**{name: getattr(parameters, name) for name in PARAMETERS})
    yield from accepted.findings(call.model.model, choice)


def _is_of_run(narrative: Narrative) -> bool:
    return narrative.run_options is not None and narrative.run_options.service_tier is not None


def _problem(source: str, act: Act, parameters: CallParameters, finding: Finding) -> Problem:
    """Place a finding where its parameter is written, which may be a file beside the narrative."""
    place = parameters.places.get(finding.key)
    if place is None:  # a fork may have set it
        return Problem(source, act.line, 1, f"act {act.name}", finding.key, finding.reason, finding.do)
    file = str(Path(source).parent / f"{place.file}.toml") if place.file else source
    return Problem(file, place.line, place.column, f"act {act.name}", finding.key, finding.reason, finding.do)
