"""TOML text in, checked narrative out: the one road for files and for text that came over the wire.

Performs nothing and reads no environment of its own; all problems of a file are raised together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import NarrativeError, Problem
from botticelli.narrative.assembly.compose import Composer, File, all_of
from botticelli.narrative.assembly.draft import Workshop, check_act
from botticelli.narrative.document.founding_form import is_founding, translate
from botticelli.narrative.document.sections import Section, sections
from botticelli.narrative.model import Narrative
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.media_store import MediaLimits, Shelf
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.source_text import (
    LOCAL,
    WIRE,
    Limits,
    Missing,
    Unreadable,
    decode,
    folders_above,
    read_beside,
    read_file,
)
from botticelli.narrative.source.suggest import shown
from botticelli.toml_text.positions import Positions, TomlPath
from botticelli.toml_text.tokens import MAX_DEPTH, Refusal, Token, tokenize
from botticelli.toml_text.translation import Translation

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_LARGEST = 2**63
MAX_FILES = 32
"""That one narrative may refer to, in all."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A narrative, and what its author should know although nothing is wrong."""

    narrative: Narrative
    warnings: tuple[Problem, ...] = ()
    media: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The contents of its files and base64 texts, by SHA-256 in hexadecimal."""
    is_founding: bool = False
    """The file is of the founding form."""


def load_narrative(
    path: Path,
    *,
    name: str | None = None,
    environment: Environment | None = None,
    context: Sequence[Path] = (),
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Reads a local file of up to 1 MB. `name` chooses one of its narratives; without it the file's own is meant.

    `context` are folders in which `file = "..."` looks after the narrative's own. Without an `environment` every
    `${NAME}` is a problem. Raises NarrativeError with all problems.
    """
    text = read_narrative(path)
    return _Loader(str(path), (path.parent, *context), environment, media_limits).one(text, name)


def load_all(
    path: Path,
    *,
    environment: Environment | None = None,
    context: Sequence[Path] = (),
    media_limits: MediaLimits | None = None,
) -> tuple[Loaded, ...]:
    """As `load_narrative`, every narrative of the file; all warnings are with the first."""
    return _Loader(str(path), (path.parent, *context), environment, media_limits).all(read_narrative(path))


def parse_narrative(
    text: str,
    *,
    source: str,
    folder: Path | None,
    name: str | None = None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Checks a narrative's text. `source` is what problems call it; its stem names a narrative without a name.

    `folder` is where `file = "..."` looks. Without one the text came over the wire: no files, and the smaller caps.
    Raises NarrativeError with all problems.
    """
    return _Loader(source, None if folder is None else (folder,), environment, media_limits).one(text, name)


def parse_all(
    text: str,
    *,
    source: str,
    folder: Path | None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> tuple[Loaded, ...]:
    """As `parse_narrative`, every narrative of the text; all warnings are with the first."""
    return _Loader(source, None if folder is None else (folder,), environment, media_limits).all(text)


def read_founding(
    text: str, *, source: str, folder: Path, environment: Environment
) -> tuple[Translation, Sequence[TomlPath]] | None:
    """Of a file of the founding form, its translation, and where that stands which has no effect. NarrativeError."""
    loader = _Loader(source, (folder,), environment, None)
    loader.all(text)
    problems = loader.first.shop.problems
    return (problems.translation, problems.ignored) if problems.translation else None


def read_narrative(path: Path) -> str:
    """The text of a local file of up to 1 MB. NarrativeError when it can't be read."""
    try:
        return read_file(path, LOCAL.file_bytes)
    except Unreadable as error:
        raise _refused(str(path), str(error), error.line) from error


class _Loader:
    """One file and the files that it refers to. Problems of all of them are raised together."""

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
        self._shelf = Shelf(media_limits or MediaLimits())
        self._limits = WIRE if folders is None else LOCAL
        self._files: list[File] = []
        self._refused: list[Problem] = []
        self._composer = Composer(self._beside, Path(source).stem)

    def one(self, text: str, name: str | None) -> Loaded:
        """The narrative of that name, else the file's own."""
        file = self._file(text, self._source, "")
        section = self._chosen(file, name)
        if file.sections.default is section and len(file.sections.all) == 1:
            return self.all_of(file)[0]
        target: tuple[File, Section] | None = (file, section)
        if section.refers_to is not None:
            path = (*section.header.path, "narrative")
            target = self._composer.resolve(file, path, section.refers_to, prefers_files=True)
        whole = self._composer.compose(*target) if target else None
        self._raise_if_any()
        assert whole is not None, "a narrative that isn't there is a problem"
        is_founding = file.shop.problems.is_lenient
        return Loaded(whole.narrative, self._warnings(), dict(self._shelf.contents), is_founding)

    @property
    def first(self) -> File:
        return self._files[0]

    def all(self, text: str) -> tuple[Loaded, ...]:
        return self.all_of(self._file(text, self._source, ""))

    def all_of(self, file: File) -> tuple[Loaded, ...]:
        """Every narrative; acts and bots that none of them uses are checked as well, and warned of."""
        wholes = [whole for _, whole in all_of(self._composer, file) if whole is not None]
        own = [id(section) for section in file.sections.all]
        outlines = [whole.draft.outline for whole in wholes if id(whole.draft.outline.section) in own]
        performed = {act.path for one in outlines for name, act in one.acts.items() if name in one.order}
        for written in {act.path: act for one in outlines for act in one.unperformed}.values():
            if written.path not in performed:
                message = f"act {written.name} is not in the toc, so it is never performed"
                file.shop.problems.warn(written.path, message)
                check_act(written, file.shop)
        file.shop.warn_of_unused()
        self._raise_if_any()
        warnings, media = self._warnings(), dict(self._shelf.contents)
        is_founding = file.shop.problems.is_lenient
        return tuple(
            Loaded(whole.narrative, () if index else warnings, media, is_founding) for index, whole in enumerate(wholes)
        )

    def _file(self, text: str, source: str, name: str, folder: Path | None = None) -> File:
        text = _clean(text, source, self._limits)
        tokens = _tokens(text, source)
        document = _parse(text, source)
        problems = Problems(source, Positions(text, tokens))
        _sweep(document, problems, self._limits)
        problems.raise_if_any()
        if is_founding(document):
            translation = translate(document)
            problems.take(translation)
            problems.raise_if_any()
            document = translation.document
        folders = self._folders
        if folders is not None and folder is not None:
            folders = (folder, *folders[1:])
        above = folders_above(folders[0]) if folders and problems.is_lenient else ()
        shop = Workshop(problems, self._environment, self._limits, folders, self._shelf, above=above)
        file = File(name, Path(source).stem, sections(document, problems), shop)
        self._files.append(file)
        shop.read_resources(file.sections)
        return file

    def _beside(self, name: str) -> File | str:
        """A file beside the one that is loaded; its own problems come with those of the others."""
        if self._folders is None:
            return "and a narrative that comes as text can't read files"
        if len(self._files) > MAX_FILES:
            return f"and more than {MAX_FILES} files are too many for one narrative"
        above = self._files[0].shop.above
        for folder in (self._folders[0], *above):
            try:
                text = read_beside(folder, f"{name}.toml", self._limits.file_bytes)
            except Missing:
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
            return self._file(text, source, name, (folder / name).parent)
        except NarrativeError as error:
            self._refused.extend(error.problems)
            return f"and {shown(name)}.toml beside it is no narrative"

    def _chosen(self, file: File, name: str | None) -> Section:
        found = file.sections.default if name is None else file.sections.find(name)
        alone = file.sections.all[0] if len(file.sections.all) == 1 else None
        if found is None and name is not None and alone is not None and alone.title is None and name == file.stem:
            found = alone
        if found is not None:
            return found
        problems, titles = file.shop.problems, ", ".join(one or file.stem for one in file.sections.titles)
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
        found = [*(one for file in self._files for one in file.shop.problems.found), *self._refused]
        if found:
            raise NarrativeError(found)

    def _warnings(self) -> tuple[Problem, ...]:
        return tuple(one for file in self._files for one in file.shop.problems.warnings)


def _clean(text: str, source: str, limits: Limits) -> str:
    r"""The text as UTF-8 text with `\n` line ends, within its cap."""
    if len(text) > limits.file_bytes:
        raise _refused(source, f"is larger than {limits.file_bytes:,} bytes")
    try:
        raw = text.encode()
        if len(raw) > limits.file_bytes:
            raise _refused(source, f"is larger than {limits.file_bytes:,} bytes")
        return decode(raw)
    except UnicodeEncodeError as error:
        raise _refused(source, "is not Unicode text") from error
    except Unreadable as error:
        raise _refused(source, str(error), error.line) from error


def _tokens(text: str, source: str) -> tuple[Token, ...]:
    tokens = tokenize(text)
    if isinstance(tokens, Refusal):
        line, column = Positions(text).of_offset(tokens.offset)
        raise NarrativeError([Problem(shown(source, 400), line, column, "", "", tokens.message, tokens.hint)])
    return tokens


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        what = shown(found[1] if found else str(error), 200)
        end = Positions(text).of_offset(len(text))
        line, column = (int(found[2]), int(found[3])) if found and found[2] else end
        problem = Problem(shown(source, 400), line, column, "", "", f"this is not TOML: {what}")
        raise NarrativeError([problem]) from error
    except (RecursionError, ValueError) as error:
        raise _refused(source, "this is not TOML that can be read: a number or a nesting is too large", 1) from error


def _sweep(document: dict[str, Any], problems: Problems, limits: Limits) -> None:
    """Caps on every value, whatever it is for: what is built and stored from it stays small and storable."""
    waiting: list[tuple[TomlPath, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            problems.add(path, f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        elif path and "\0" in str(path[-1]):
            problems.add(path, "the key contains a NUL character")
        elif isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))
        elif isinstance(value, str):
            _check_text(path, value, problems, limits)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            problems.add(path, "is a larger number than TOML knows")


def _check_text(path: TomlPath, value: str, problems: Problems, limits: Limits) -> None:
    if len(value) > limits.string_chars:
        hint = "" if limits is WIRE else 'put it into a file beside: file = "..."'
        problems.add(path, f"is longer than {limits.string_chars:,} characters", hint)
    if "\0" in value:
        problems.add(path, "contains a NUL character", offset=value.index("\0"))


def _refused(source: str, message: str, line: int = 0) -> NarrativeError:
    return NarrativeError([Problem(shown(source, 400), line, min(line, 1), "", "", message)])
