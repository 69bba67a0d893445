"""Where day-ahead prices come from.

| variable | meaning | default |
|---|---|---|
| `SPOT_PRICE_URL` | a day's prices as JSON; `{year}`, `{month}`, `{day}`, `{area}` are filled in | off |
| `SPOT_PRICE_AREAS` | bidding areas to fetch, as `SE3,SE4` | those that tariffs and purchase prices follow |
| `SPOT_PRICE_CURRENCY` | in which prices are kept | `SEK` |
| `SPOT_PRICE_EXCHANGE` | that currency for a EUR, for sources in euro | such rows are refused |
| `SPOT_PRICE_TIME_ZONE` | the market's clock | `Europe/Stockholm` |
| `SPOT_PRICE_TIMEOUT_S` | seconds to wait for the source | 20 |
"""

from chargeportal.settings import environment

SPOT_PRICE_URL = environment.text("SPOT_PRICE_URL")
SPOT_PRICE_AREAS = environment.items("SPOT_PRICE_AREAS", [])
SPOT_PRICE_CURRENCY = environment.text("SPOT_PRICE_CURRENCY", "SEK")
SPOT_PRICE_EXCHANGE = environment.text("SPOT_PRICE_EXCHANGE")
SPOT_PRICE_TIME_ZONE = environment.text("SPOT_PRICE_TIME_ZONE", "Europe/Stockholm")
SPOT_PRICE_TIMEOUT_S = environment.number("SPOT_PRICE_TIMEOUT_S", 20)
