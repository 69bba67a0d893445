"""How invoices are made.

| variable | meaning | default |
|---|---|---|
| `VAT_CHECK_URL` | the register of VAT numbers, as VIES' REST interface | none: only forms are checked |
| `VAT_CHECK_ACCEPTS_FORM` | whether the right form is enough for no VAT | yes without a register |
| `VAT_CHECK_DAYS` | how long an answer of the register holds | 30 |
| `BOOKS_TIME_ZONE` | whose days and months count in the books | `Europe/Stockholm` |
"""

from chargeportal.settings import environment

VAT_CHECK_URL = environment.text("VAT_CHECK_URL")
VAT_CHECK_ACCEPTS_FORM = environment.flag("VAT_CHECK_ACCEPTS_FORM", default=not VAT_CHECK_URL)
VAT_CHECK_DAYS = environment.number("VAT_CHECK_DAYS", 30)
VAT_CHECK_TIMEOUT_S = environment.number("VAT_CHECK_TIMEOUT_S", 10)
BOOKS_TIME_ZONE = environment.text("BOOKS_TIME_ZONE", "Europe/Stockholm")
