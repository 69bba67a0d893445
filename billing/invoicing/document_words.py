"""The words of documents, in the language of the customer.

They stand here and not in the translation catalogue: an issued document must read the same for ever, and
a catalogue changes.
"""

from typing import NamedTuple


class Words(NamedTuple):
    """One language's words of a document."""

    heading: dict[str, str]
    number: dict[str, str]
    to: str
    date: str
    due: str
    period: str
    customer_number: str
    reference: str
    credits: str
    credit_reason: str
    to_pay: str
    to_credit: str
    paid_out: str
    total: str
    bankgiro: str
    plusgiro: str
    iban: str
    ocr: str
    ocr_statement: str
    columns: tuple[str, str, str, str, str]
    price_with_vat: str
    amount_with_vat: str
    subtotal: str
    no_cost_centre: str
    vat_rate: str
    vat_base: str
    vat: str
    net: str
    rounding: str
    f_tax: str
    seat: str
    company: str
    organisation_number: str
    vat_number: str
    address: str
    contact: str
    payment: str
    page: str
    of: str
    guest: str
    reverse_charge: str
    self_billing: str
    reimbursement: str
    receipt_terms: str
    payment_terms: str
    late_interest: str
    attachment: str
    units: dict[str, str]


SWEDISH = Words(
    heading={
        "invoice": "Faktura",
        "credit_note": "Kreditfaktura",
        "receipt": "Kvitto",
        "self_billing": "Självfaktura",
        "reimbursement": "Ersättning för hemmaladdning",
    },
    number={
        "invoice": "Fakturanummer",
        "credit_note": "Kreditfakturans nummer",
        "receipt": "Kvittonummer",
        "self_billing": "Fakturanummer",
        "reimbursement": "Nummer",
    },
    to="Till",
    date="Datum",
    due="Förfallodatum",
    period="Period",
    customer_number="Kundnummer",
    reference="Er referens",
    credits="Krediterar",
    credit_reason="Anledning",
    to_pay="Att betala",
    to_credit="Att få tillbaka",
    paid_out="Betalas ut",
    total="Summa",
    bankgiro="Bankgiro",
    plusgiro="Plusgiro",
    iban="IBAN",
    ocr="OCR-nummer",
    ocr_statement="Referens",
    columns=("Beskrivning", "Antal", "À-pris", "Moms", "Belopp"),
    price_with_vat="Pris inkl. moms",
    amount_with_vat="Belopp inkl. moms",
    subtotal="Delsumma",
    no_cost_centre="Utan kostnadsställe",
    vat_rate="Moms",
    vat_base="Underlag",
    vat="Momsbelopp",
    net="Summa exkl. moms",
    rounding="Öresavrundning",
    f_tax="Godkänd för F-skatt",
    seat="Säte",
    company="Företag",
    organisation_number="Org.nr",
    vat_number="Momsreg.nr",
    address="Adress",
    contact="Kontakt",
    payment="Betalning",
    page="Sida",
    of="av",
    guest="Gäst",
    reverse_charge=(
        "Omvänd betalningsskyldighet: köparen redovisar momsen "
        "(artikel 38 och 195 i mervärdesskattedirektivet)."
    ),
    self_billing="Självfakturering: köparen har upprättat fakturan enligt avtal med säljaren.",
    reimbursement="Ersättning för el till laddning i hemmet. Underlag, inte en faktura: ingen moms tas ut.",
    receipt_terms="Beloppet dras från ditt betalkort eller förskott.",
    payment_terms="Ange OCR-numret när du betalar.",
    late_interest="Efter förfallodagen tas dröjsmålsränta ut enligt räntelagen.",
    attachment="E-faktura (UBL)",
    units={"session": "st", "x": "st", "pcs": "st", "month": "mån"},
)

ENGLISH = Words(
    heading={
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "receipt": "Receipt",
        "self_billing": "Self-billed invoice",
        "reimbursement": "Home charging reimbursement",
    },
    number={
        "invoice": "Invoice number",
        "credit_note": "Credit note number",
        "receipt": "Receipt number",
        "self_billing": "Invoice number",
        "reimbursement": "Number",
    },
    to="To",
    date="Date",
    due="Due date",
    period="Period",
    customer_number="Customer number",
    reference="Your reference",
    credits="Credits",
    credit_reason="Reason",
    to_pay="To pay",
    to_credit="To your credit",
    paid_out="To be paid out",
    total="Total",
    bankgiro="Bankgiro",
    plusgiro="Plusgiro",
    iban="IBAN",
    ocr="Payment reference",
    ocr_statement="Reference",
    columns=("Description", "Quantity", "Unit price", "VAT", "Amount"),
    price_with_vat="Price incl. VAT",
    amount_with_vat="Amount incl. VAT",
    subtotal="Subtotal",
    no_cost_centre="Without cost centre",
    vat_rate="VAT",
    vat_base="Taxable",
    vat="VAT amount",
    net="Total excl. VAT",
    rounding="Rounding",
    f_tax="Approved for F-tax (Godkänd för F-skatt)",
    seat="Registered seat",
    company="Company",
    organisation_number="Org. no.",
    vat_number="VAT no.",
    address="Address",
    contact="Contact",
    payment="Payment",
    page="Page",
    of="of",
    guest="Guest",
    reverse_charge=(
        "Reverse charge: the buyer accounts for the VAT (Articles 38 and 195 of the VAT Directive)."
    ),
    self_billing="Self-billing: the buyer has made out this invoice as agreed with the seller.",
    reimbursement=(
        "Reimbursement of electricity for charging at home. A statement, not an invoice: no VAT is charged."
    ),
    receipt_terms="The amount is charged to your payment card or prepaid balance.",
    payment_terms="Please state the payment reference when you pay.",
    late_interest="Interest is charged after the due date according to the Swedish Interest Act.",
    attachment="E-invoice (UBL)",
    units={"session": "pcs", "x": "pcs", "month": "months"},
)


def words_of(language: str) -> Words:
    """The words of the language; Swedish for all but English."""
    return ENGLISH if language.lower().startswith("en") else SWEDISH
