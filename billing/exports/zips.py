"""Zip files without a clock: the same members give the same bytes."""

import re
import shutil
import zipfile
from typing import IO, BinaryIO

#: The earliest time a zip can state; it stands on every member.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16
_UNIX = 3
_WORKBOOK_FACTS = "docProps/core.xml"
_THE_TIME = rb"\g<1>1980-01-01T00:00:00Z"
_WORKBOOK_TIME = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def _member(name: str, *, is_packed: bool = False) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.external_attr, member.create_system = _FILE_MODE, _UNIX
    member.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
    return member


class SteadyZip:
    """A zip file that is written member by member."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w")

    def add(self, name: str, content: bytes, *, is_packed: bool = False) -> None:
        """The member is in the zip; what is packed already (PDF) is stored as it is."""
        self._zip.writestr(_member(name, is_packed=is_packed), content)

    def copy(self, name: str, source: IO[bytes]) -> None:
        """The member is in the zip, read and written piece by piece."""
        with self._zip.open(_member(name), "w") as target:
            shutil.copyfileobj(source, target)

    def close(self) -> None:
        """The list of members is written; the zip is whole."""
        self._zip.close()


def rewrite(source: BinaryIO, target: BinaryIO) -> None:
    """The zip's members are in the target without their times; a workbook says 1980 as well."""
    made = SteadyZip(target)
    with zipfile.ZipFile(source) as original:
        for member in original.infolist():
            if member.filename == _WORKBOOK_FACTS:
                made.add(member.filename, _WORKBOOK_TIME.sub(_THE_TIME, original.read(member)))
                continue
            with original.open(member) as content:
                made.copy(member.filename, content)
    made.close()
