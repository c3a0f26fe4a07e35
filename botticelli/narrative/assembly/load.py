"""Loads narratives from TOML: the one entry point for files and for text that came over the wire.

All problems of a file are raised together. `${NAME}` is read from the `Environment` that the caller passes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import NarrativeError, Problem
from botticelli.narrative.assembly.compose import Composer, File, compose_all
from botticelli.narrative.assembly.draft import LoadContext, check_act
from botticelli.narrative.document.founding_form import MARKS, ROOT_KEY_MARKS, TABLE_MARKS, is_founding, translate
from botticelli.narrative.document.sections import NarrativeSection, read_sections
from botticelli.narrative.model import Narrative
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.media_store import MediaLimits, MediaStore
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.source.source_text import (
    LOCAL,
    WIRE,
    FileMissing,
    SourceLimits,
    Unreadable,
    decode,
    folders_above,
    read_beside,
    read_file,
)
from botticelli.toml_text.lexer import MAX_DEPTH, Positions, Refusal, Token, TomlPath, tokenize
from botticelli.toml_text.translation import Translation

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_LARGEST = 2**63
MAX_FILES = 32
"""Limits the files that one narrative may refer to, in all."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Holds a loaded narrative, its warnings and its media."""

    narrative: Narrative
    warnings: tuple[Problem, ...] = ()
    media: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Contents of its media files and base64 texts, by SHA-256 in hexadecimal."""
    is_founding: bool = False
    """Tells whether the file is of the founding form."""
    folders: tuple[Path, ...] = ()
    """Folders that its file of rows is in; none for a narrative that was sent as text."""


def load_narrative(
    path: Path,
    *,
    name: str | None = None,
    environment: Environment | None = None,
    context: Sequence[Path] = (),
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Read a local file of up to 1 MB. `name` chooses one of its narratives; the default is the file's own.

    `context` are the folders searched for `file = "..."` after the narrative's own. Without an `environment` every
    `${NAME}` is a problem. Raises NarrativeError with all problems.
    """
    text = read_narrative(path)
    return _Loader(str(path), (path.parent, *context), environment, media_limits).load_one(text, name)


def load_all(
    path: Path,
    *,
    environment: Environment | None = None,
    context: Sequence[Path] = (),
    media_limits: MediaLimits | None = None,
) -> tuple[Loaded, ...]:
    """Read every narrative of a file, as `load_narrative` reads one; the first holds all warnings."""
    return _Loader(str(path), (path.parent, *context), environment, media_limits).load_every(read_narrative(path))


def parse_narrative(
    text: str,
    *,
    source: str,
    folder: Path | None,
    name: str | None = None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Check the text of a narrative. `source` names it in problems; its stem names a narrative without a name.

    `folder` is searched for `file = "..."`. None: the text came over the wire, reads no files and has smaller limits.
    Raises NarrativeError with all problems.
    """
    return _Loader(source, None if folder is None else (folder,), environment, media_limits).load_one(text, name)


def parse_all(
    text: str,
    *,
    source: str,
    folder: Path | None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> tuple[Loaded, ...]:
    """Check every narrative of a text, as `parse_narrative` checks one; the first holds all warnings."""
    return _Loader(source, None if folder is None else (folder,), environment, media_limits).load_every(text)


def read_founding(
    text: str, *, source: str, folder: Path, environment: Environment
) -> tuple[Translation, Sequence[TomlPath]] | None:
    """Return the translation of a file of the founding form, and the paths that have no effect; None for other files.

    Raises NarrativeError with all problems.
    """
    loader = _Loader(source, (folder,), environment, None)
    loader.load_every(text)
    problems = loader.first.context.problems
    return (problems.translation, problems.ignored) if problems.translation else None


def read_narrative(path: Path) -> str:
    """Return the text of a local file of up to 1 MB. Raises NarrativeError when it can't be read."""
    try:
        return read_file(path, LOCAL.file_bytes)
    except Unreadable as error:
        raise _error(str(path), str(error), error.line) from error


class _Loader:
    """Loads one file and the files that it refers to. Problems of all of them are raised together."""

    def __init__(
        self,
        source: str,
        folders: tuple[Path, ...] | None,
        environment: Environment | None,
        media_limits: MediaLimits | None,
    ) -> None:
        self._source = source
        self._folders = folders
        self._environment = environment or Environment()
        self._media = MediaStore(media_limits or MediaLimits())
        self._limits = WIRE if folders is None else LOCAL
        self._files: list[File] = []
        self._file_problems: list[Problem] = []
        self._composer = Composer(self._open_beside, Path(source).stem)

    def load_one(self, text: str, name: str | None) -> Loaded:
        """Load the narrative of that name, or without one the file's own."""
        file = self._read_file(text, self._source, "")
        section = self._choose(file, name)
        if file.sections.default is section and len(file.sections.all) == 1:
            return self._load_sections(file)[0]
        target: tuple[File, NarrativeSection] | None = (file, section)
        if section.refers_to is not None:
            path = (*section.header.path, "narrative")
            target = self._composer.resolve(file, path, section.refers_to, prefers_files=True)
        whole = self._composer.compose(*target) if target else None
        self._raise_if_any()
        assert whole is not None, "a narrative that isn't there is a problem"
        is_founding = file.context.problems.is_lenient
        return Loaded(whole.narrative, self._warnings(), dict(self._media.contents), is_founding, self._folders or ())

    @property
    def first(self) -> File:
        return self._files[0]

    def load_every(self, text: str) -> tuple[Loaded, ...]:
        return self._load_sections(self._read_file(text, self._source, ""))

    def _load_sections(self, file: File) -> tuple[Loaded, ...]:
        """Load every narrative; acts and resources that none of them uses are checked too, with a warning."""
        wholes = [whole for _, whole in compose_all(self._composer, file) if whole is not None]
        own = [id(section) for section in file.sections.all]
        outlines = [whole.draft.outline for whole in wholes if id(whole.draft.outline.section) in own]
        performed = {act.path for outline in outlines for name, act in outline.acts.items() if name in outline.order}
        for written in {act.path: act for outline in outlines for act in outline.unperformed}.values():
            if written.path not in performed:
                message = f"act {written.name} is not in the toc, so it is never performed"
                file.context.problems.warn(written.path, message)
                check_act(written, file.context)
        file.context.warn_of_unused()
        self._raise_if_any()
        warnings, media = self._warnings(), dict(self._media.contents)
        is_founding = file.context.problems.is_lenient
        return tuple(
            Loaded(whole.narrative, () if index else warnings, media, is_founding, self._folders or ())
            for index, whole in enumerate(wholes)
        )

    def _read_file(self, text: str, source: str, name: str, folder: Path | None = None) -> File:
        text = _check_encoding(text, source, self._limits)
        tokens = _tokenize(text, source)
        document = _parse_toml(text, source)
        problems = Problems(source, Positions(text, tokens))
        keys, tables = _check_values(document, problems, self._limits)
        problems.raise_if_any()
        may_be_founding = keys & MARKS or tables & TABLE_MARKS or document.keys() & ROOT_KEY_MARKS
        if may_be_founding and is_founding(document):
            translation = translate(document)
            problems.apply_translation(translation)
            problems.raise_if_any()
            document = translation.document
        folders = self._folders
        if folders is not None and folder is not None:
            folders = (folder, *folders[1:])
        above = folders_above(folders[0]) if folders and problems.is_lenient else ()
        context = LoadContext(problems, self._environment, self._limits, folders, self._media, above=above)
        file = File(name, Path(source).stem, read_sections(document, problems), context)
        self._files.append(file)
        context.read_resources(file.sections)
        return file

    def _open_beside(self, name: str) -> File | str:
        """Open a file beside the one that is loaded, or say why not; its problems join those of the others."""
        if self._folders is None:
            return "and a narrative sent as text can't read files"
        if len(self._files) > MAX_FILES:
            return f"and more than {MAX_FILES} files are too many for one narrative"
        above = self._files[0].context.above
        for folder in (self._folders[0], *above):
            try:
                text = read_beside(folder, f"{name}.toml", self._limits.file_bytes)
            except FileMissing:
                continue
            except Unreadable as error:
                return f"and {shown(name)}.toml beside it: {error}"
            break
        else:
            return f"and no file {shown(name)}.toml beside it" + (
                f", nor in a folder above, up to {above[-1]}" if above else ""
            )
        source = str((Path(self._source).parent if folder is self._folders[0] else folder) / f"{name}.toml")
        try:
            return self._read_file(text, source, name, (folder / name).parent)
        except NarrativeError as error:
            self._file_problems.extend(error.problems)
            return f"and {shown(name)}.toml beside it is not a valid narrative"

    def _choose(self, file: File, name: str | None) -> NarrativeSection:
        section = file.sections.default if name is None else file.sections.find(name)
        alone = file.sections.all[0] if len(file.sections.all) == 1 else None
        if section is None and name is not None and alone is not None and alone.title is None and name == file.stem:
            section = alone
        if section is not None:
            return section
        problems, titles = file.context.problems, ", ".join(title or file.stem for title in file.sections.titles)
        if name is None:
            problems.add((), "the file has several narratives", f"choose one by its name: {titles}")
        elif alone is not None:
            path = (*alone.header.path, "name") if "name" in alone.header.value else ()
            problems.add(path, f"the narrative is not called {shown(name)}", f"it is called {titles}")
        else:
            hint = problems.guess(name, file.sections.titles, otherwise="the narratives are")
            problems.add((), f"there is no narrative {shown(name)}", hint)
        problems.raise_if_any()
        raise AssertionError("there was a problem")

    def _raise_if_any(self) -> None:
        problems = [
            *(problem for file in self._files for problem in file.context.problems.errors),
            *self._file_problems,
        ]
        if problems:
            raise NarrativeError(problems)

    def _warnings(self) -> tuple[Problem, ...]:
        return tuple(warning for file in self._files for warning in file.context.problems.warnings)


def _check_encoding(text: str, source: str, limits: SourceLimits) -> str:
    r"""Return the text with `\n` line ends; refuse text that is too long or not valid Unicode."""
    if len(text) > limits.file_bytes:
        raise _error(source, f"is larger than {limits.file_bytes:,} bytes")
    try:
        raw = text.encode()
        if len(raw) > limits.file_bytes:
            raise _error(source, f"is larger than {limits.file_bytes:,} bytes")
        return decode(raw)
    except UnicodeEncodeError as error:
        raise _error(source, "is not Unicode text") from error
    except Unreadable as error:
        raise _error(source, str(error), error.line) from error


def _tokenize(text: str, source: str) -> tuple[Token, ...]:
    tokens = tokenize(text)
    if isinstance(tokens, Refusal):
        line, column = Positions(text).of_offset(tokens.offset)
        raise NarrativeError([Problem(shown(source, 400), line, column, "", "", tokens.message, tokens.hint)])
    return tokens


def _parse_toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _PLACE.fullmatch(str(error))
        reason = shown(match[1] if match else str(error), 200)
        end = Positions(text).of_offset(len(text))
        line, column = (int(match[2]), int(match[3])) if match and match[2] else end
        problem = Problem(shown(source, 400), line, column, "", "", f"this is not valid TOML: {reason}")
        raise NarrativeError([problem]) from error
    except (RecursionError, ValueError) as error:
        raise _error(source, "this TOML can't be read: a number is too large or the nesting too deep", 1) from error


def _check_values(document: dict[str, Any], problems: Problems, limits: SourceLimits) -> tuple[set[str], set[str]]:
    """Check the size of every value, whatever its key, so that what is built from it stays small and storable.

    Returns the keys of the document, and those that hold tables.
    """
    waiting: list[tuple[TomlPath, Any]] = [((), document)]
    keys, tables = set[str](), set[str]()
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            problems.add(path, f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        elif path and "\0" in str(path[-1]):
            problems.add(path, "the key contains a NUL character")
        elif isinstance(value, dict):
            keys |= value.keys()
            tables |= {key for key, inner in value.items() if isinstance(inner, dict)}
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))
        elif isinstance(value, str):
            _check_text(path, value, problems, limits)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            problems.add(path, "is outside the 64-bit range of a TOML integer")
    return keys, tables


def _check_text(path: TomlPath, value: str, problems: Problems, limits: SourceLimits) -> None:
    if len(value) > limits.string_chars:
        hint = "" if limits is WIRE else 'put it into a file beside: file = "..."'
        problems.add(path, f"is longer than {limits.string_chars:,} characters", hint)
    if "\0" in value:
        problems.add(path, "contains a NUL character", offset=value.index("\0"))


def _error(source: str, message: str, line: int = 0) -> NarrativeError:
    return NarrativeError([Problem(shown(source, 400), line, min(line, 1), "", "", message)])
