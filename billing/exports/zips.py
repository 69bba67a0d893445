"""Zip files without a clock: the same members give the same bytes."""

import re
import zipfile
from typing import BinaryIO

#: The earliest time a zip can state; it stands on every member.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16
_UNIX = 3
_WORKBOOK_FACTS = "docProps/core.xml"
_WORKBOOK_TIME = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


class SteadyZip:
    """A zip file that is written member by member."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w")

    def add(self, name: str, content: bytes, *, is_packed: bool = False) -> None:
        """The member is in the zip; what is packed already (PDF) is stored as it is."""
        member = zipfile.ZipInfo(name, _NO_TIME)
        member.external_attr, member.create_system = _FILE_MODE, _UNIX
        member.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        self._zip.writestr(member, content)

    def close(self) -> None:
        """The list of members is written; the zip is whole."""
        self._zip.close()


def rewrite(source: BinaryIO, target: BinaryIO) -> None:
    """The zip's members are in the target without their times; a workbook says 1980 as well."""
    made = SteadyZip(target)
    with zipfile.ZipFile(source) as original:
        for member in original.infolist():
            content = original.read(member)
            if member.filename == _WORKBOOK_FACTS:
                content = _WORKBOOK_TIME.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
            made.add(member.filename, content)
    made.close()
