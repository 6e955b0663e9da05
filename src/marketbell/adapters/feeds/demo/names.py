"""Names of companies that do not exist, and identifiers that no real security can bear."""

from dataclasses import dataclass

HEADS = (
    "Aldo", "Brin", "Caro", "Dwen", "Elmi", "Fenu", "Gallo", "Hesper", "Ilva", "Joru", "Kesti", "Lumo", "Miro",
    "Nalu", "Oswi", "Pelu", "Quil", "Rovi", "Sael", "Tavi", "Ulmo", "Vire", "Wenna", "Yaru", "Zemi",
)  # fmt: skip
TAILS = (
    "bara", "dell", "fenn", "gara", "holm", "lind", "mora", "nook", "pine", "quay", "rill", "thorn", "vane", "wick",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Branch:
    """One industry: its sector, its word in a company's name, and how many companies it has.

    `daily_pct` is the usual size of a company's own daily move, `pe`, `pb` and `debt` what the
    industry's companies look like on average.
    """

    sector: str
    industry: str
    suffixes: tuple[str, ...]
    count: int
    daily_pct: float
    pe: float
    pb: float
    debt: float


BRANCHES = (
    Branch("Banks", "Private banks", ("Bank",), 14, 1.2, 15, 2.2, 6.5),
    Branch("Banks", "Cooperative banks", ("Cooperative Bank", "Savings"), 8, 1.5, 9, 1.1, 8.0),
    Branch("Financial Services", "Insurance", ("Assurance", "Mutual Life"), 9, 1.3, 28, 3.2, 0.2),
    Branch("Financial Services", "Lending", ("Finance", "Leasing"), 10, 1.7, 18, 2.6, 3.8),
    Branch("Financial Services", "Asset management", ("Asset Managers",), 5, 1.6, 30, 6.5, 0.1),
    Branch("Information Technology", "Software services", ("Software", "Systems"), 18, 1.3, 26, 7.0, 0.1),
    Branch("Information Technology", "Cloud platforms", ("Cloudworks", "Digital"), 10, 2.0, 46, 9.0, 0.2),
    Branch("Energy", "Oil and gas", ("Petroleum", "Gas"), 10, 1.4, 11, 1.4, 0.7),
    Branch("Energy", "Power", ("Power", "Grid"), 12, 1.3, 16, 2.1, 1.5),
    Branch("Energy", "Renewables", ("Sunfields", "Windworks"), 6, 2.3, 52, 6.0, 2.2),
    Branch("Healthcare", "Pharmaceuticals", ("Pharma", "Remedies"), 18, 1.3, 30, 4.2, 0.3),
    Branch("Healthcare", "Hospitals", ("Hospitals", "Clinics"), 8, 1.4, 44, 6.5, 0.5),
    Branch("Consumer Goods", "Foods", ("Foods", "Dairies"), 16, 1.0, 48, 10.0, 0.2),
    Branch("Consumer Goods", "Household", ("Home Care", "Soaps"), 10, 1.0, 52, 12.0, 0.1),
    Branch("Consumer Goods", "Apparel", ("Weavers", "Footwear"), 8, 1.8, 38, 6.0, 0.5),
    Branch("Automobiles", "Vehicles", ("Motors",), 8, 1.5, 22, 4.0, 0.4),
    Branch("Automobiles", "Components", ("Auto Parts", "Tyres"), 16, 1.6, 25, 3.8, 0.5),
    Branch("Metals", "Steel", ("Steel",), 10, 2.0, 10, 1.4, 0.9),
    Branch("Metals", "Mining", ("Minerals", "Mines"), 10, 2.1, 9, 1.7, 0.5),
    Branch("Construction", "Cement", ("Cement",), 10, 1.5, 29, 3.2, 0.5),
    Branch("Construction", "Builders", ("Builders", "Estates"), 14, 2.1, 34, 3.6, 0.8),
    Branch("Chemicals", "Specialty chemicals", ("Chemicals", "Dyes"), 16, 1.7, 36, 5.2, 0.4),
    Branch("Chemicals", "Fertilisers", ("Fertilisers",), 8, 1.7, 13, 1.8, 0.8),
    Branch("Media and Telecom", "Telecom", ("Telecom", "Networks"), 8, 1.7, 32, 3.6, 1.9),
    Branch("Media and Telecom", "Media", ("Broadcasting", "Press"), 8, 2.0, 20, 1.9, 0.3),
    Branch("Industrials", "Machinery", ("Engineering", "Pumps"), 16, 1.5, 38, 6.0, 0.2),
    Branch("Industrials", "Logistics", ("Logistics", "Ports"), 14, 1.6, 28, 3.5, 0.9),
)

SECTORS = tuple(dict.fromkeys(branch.sector for branch in BRANCHES))
COMPANIES = sum(branch.count for branch in BRANCHES)


def stems() -> list[str]:
    """All made-up stems; consecutive ones share neither head nor tail, so that neighbours look different."""
    heads, tails = len(HEADS), len(TAILS)
    return [HEADS[i % heads] + TAILS[(i + i // (heads * tails)) % tails] for i in range(heads * tails)]


def security_code(number: int) -> str:
    """An identifier in the form of an ISIN with a right check digit, under the country code `ZZ`.

    ISO 3166 leaves ZZ to users for good and no numbering agency gives it out, so it cannot meet a real one.
    """
    body = f"ZZ{number:09d}"
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return f"{body}{-total % 10}"
