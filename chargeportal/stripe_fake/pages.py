"""The payment page as a person sees it, in Swedish or English."""

from __future__ import annotations

from html import escape

from chargeportal.stripe_fake.store import Object

_WORDS = {
    "en": {
        "title": "Payment", "card": "Card number", "expiry": "MM / YY", "cvc": "CVC",
        "email": "E-mail", "pay": "Pay {}", "save": "Save card", "back": "Back",
        "test": "Test payment: no money moves. Choose a test card:",
        "bank": "Your bank wants you to approve", "approve": "Approve", "refuse": "Refuse",
        "over": "This payment page is no longer open.", "declined": "The card was declined ({}).",
        "cards": ("works", "is declined", "asks the bank", "has too little money"),
    },
    "sv": {
        "title": "Betalning", "card": "Kortnummer", "expiry": "MM / ÅÅ", "cvc": "CVC",
        "email": "E-post", "pay": "Betala {}", "save": "Spara kort", "back": "Tillbaka",
        "test": "Testbetalning: inga pengar flyttas. Välj ett testkort:",
        "bank": "Din bank vill att du godkänner", "approve": "Godkänn", "refuse": "Neka",
        "over": "Betalsidan är inte längre öppen.", "declined": "Kortet nekades ({}).",
        "cards": ("fungerar", "nekas", "frågar banken", "har för lite pengar"),
    },
}  # fmt: skip
_SHOWN = ("4242424242424242", "4000000000000002", "4000002500003155", "4000000000009995")

_STYLE = """
:root{color-scheme:light dark}*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f6f5;color:#17211c}
main{max-width:26rem;margin:6vh auto;padding:2rem;background:#fff;border-radius:12px;
box-shadow:0 1px 3px #0002}
h1{font-size:1.05rem;font-weight:500;margin:0;color:#55625b}
.sum{font-size:2.1rem;font-weight:650;font-variant-numeric:tabular-nums;margin:.1rem 0 1.4rem}
label{display:block;font-size:.85rem;margin:.9rem 0 .2rem;color:#55625b}
input{width:100%;font:inherit;padding:.65rem .75rem;border:1px solid #c9d1cd;border-radius:8px;
background:transparent;color:inherit}.two{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}
button{font:inherit;cursor:pointer}.go{width:100%;margin-top:1.4rem;padding:.8rem;border:0;border-radius:8px;
background:#14603f;color:#fff;font-weight:600}.no{width:100%;margin-top:.6rem;padding:.75rem;border-radius:8px;
border:1px solid #c9d1cd;background:transparent;color:inherit}
.bad{background:#fdecea;color:#8c1d18;padding:.7rem .9rem;border-radius:8px}
.test{font-size:.85rem;margin-top:1.6rem;padding-top:1rem;border-top:1px dashed #c9d1cd;color:#55625b}
.test button{display:block;border:0;background:none;color:#14603f;padding:.25rem 0;
font-variant-numeric:tabular-nums}a{color:#14603f}
@media(prefers-color-scheme:dark){body{background:#101512;color:#e6ece9}main{background:#1a211d}
a,.test button{color:#7fd1a8}h1,label,.test{color:#a3b0a9}.bad{background:#46201d;color:#ffd9d5}}
"""


def payment_page(session: Object, *, error: str = "") -> str:
    """The form for a card, or a word that the page is over."""
    words = _words(session)
    if session["status"] != "open":
        return _page(session, f"<p>{words['over']}</p>{_back(session, words)}")
    button = words["save"] if session["mode"] == "setup" else words["pay"].format(_sum(session))
    email = escape(session["customer_email"] or "")
    complaint = f'<p class="bad" role="alert">{escape(words["declined"].format(error))}</p>' if error else ""
    hints = "".join(
        f'<button type="button" data-card="{number}">{_grouped(number)} {what}</button>'
        for number, what in zip(_SHOWN, words["cards"], strict=True)
    )
    return _page(
        session,
        f"""{complaint}<form method="post">
<label for="email">{words["email"]}</label>
<input id="email" name="email" type="email" value="{email}" autocomplete="email">
<label for="number">{words["card"]}</label>
<input id="number" name="number" inputmode="numeric" required autocomplete="off">
<div class="two"><div><label for="expiry">{words["expiry"]}</label>
<input id="expiry" name="expiry" value="12/34" required></div>
<div><label for="cvc">{words["cvc"]}</label><input id="cvc" name="cvc" value="123" required></div></div>
<button class="go" type="submit">{button}</button></form>{_back(session, words)}
<div class="test">{words["test"]}{hints}</div>
<script>document.querySelectorAll("[data-card]").forEach(b=>b.onclick=()=>{{
document.getElementById("number").value=b.dataset.card}})</script>""",
    )


def bank_page(session: Object) -> str:
    """The bank asks the customer."""
    words = _words(session)
    return _page(
        session,
        f"""<p>{words["bank"]}</p><form method="post">
<button class="go" name="approves" value="yes">{words["approve"]}</button>
<button class="no" name="approves" value="no">{words["refuse"]}</button></form>""",
    )


def _page(session: Object, content: str) -> str:
    words = _words(session)
    what = escape(session["_text"] or words["save"])
    amount = "" if session["mode"] == "setup" else f'<div class="sum">{_sum(session)}</div>'
    language = "sv" if words is _WORDS["sv"] else "en"
    return f"""<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{words["title"]}</title>
<style>{_STYLE}</style></head><body><main><h1>{what}</h1>{amount}{content}</main></body></html>"""


def _words(session: Object) -> dict:
    return _WORDS["sv" if str(session["locale"]).startswith("sv") else "en"]


def _sum(session: Object) -> str:
    whole, rest = divmod(session["amount_total"], 100)
    return f"{f'{whole:,}'.replace(',', ' ')},{rest:02} {escape(str(session['currency']).upper())}"


def _grouped(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _back(session: Object, words: dict) -> str:
    if not session["cancel_url"]:
        return ""
    return f'<p><a href="{escape(session["cancel_url"])}">{words["back"]}</a></p>'
