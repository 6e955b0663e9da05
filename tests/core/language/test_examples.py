"""The rules that people write, as a file: all views of them agree, and each compiles to what its text says."""

import json
import re
from pathlib import Path

import pytest

from marketbell.core.language.form import form_of, tree_of_form
from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.printer import print_file
from marketbell.core.language.reader import parse_file
from marketbell.core.language.rule_plan import compile_rule
from marketbell.core.language.tree import Rule

FILE = Path(__file__).parent / "examples" / "language.bell"
TREES = parse_file(FILE.read_text(encoding="utf-8"))
RULES = [tree for tree in TREES if isinstance(tree, Rule)]

WHAT = {  # name: timing, does it read others, may it repaint, fields
    "Golden cross": ("1d", False, "close"),
    "Price level": ("tick", False, "close"),
    "RSI oversold, uptrend": ("15m", False, "close"),
    "Volume shocker": ("5m", False, "close volume"),
    "52-week high on turnover": ("1d", False, "high turnover"),
    "Opening range breakout": ("5m", False, "close day.volume high low volume"),
    "Fast move": ("tick", False, "close"),
    "Squeeze then break": ("1d", False, "close"),
    "Supertrend flip, hourly agrees": ("15m", False, "close high low"),
    "Relative strength": ("1d", True, "close"),
    "Pair spread": ("1d", True, "close"),
    "Index discount": ("tick", True, "close"),
    "Breadth thrust": ("1d", True, "close"),
    "VIX up, index down": ("5m", True, "close"),
    "PCR extreme": ("update chain nearest", False, "opt.pcr_oi"),
    "IV rich before results": ("update chain nearest", False, "close days_to opt.atm_iv opt.iv_rank"),
    "Long build-up": ("15m", False, "fut.oi opt.oi_state"),
    "OI wall breached": ("5m", False, "close opt.max_call_oi_strike"),
    "Max pain drift": ("schedule 0 15 * * 1-5", False, "opt.max_pain"),
    "Skew steepening": ("update chain nearest", False, "opt.skew"),
    "Promoter buying": (
        "update shareholding", False, "fund.market_cap fund.pledged_pct fund.promoter_holding"
    ),
    "FII and DII adding, not yet run": ("update shareholding", False, "close fund.dii_holding fund.fii_holding"),
    "Cheap quality on a dip": (
        "1d", False, "close fund.debt_to_equity fund.pe fund.pe_median_5y fund.roce fund.sales_growth_3y"
    ),
    "Results in the tape": ("1m", False, "news.event news.sentiment volume"),
    "My book at risk": ("tick", False, "acct.delta_net pos.pnl_pct"),
}  # fmt: skip


def test_there_are_25_rules_and_they_are_those_of_the_reference(shared_data: Path) -> None:
    page = (shared_data.parent / "language.md").read_text()
    texts = re.findall(r"^\d+ +(alert .*)$", page, re.MULTILINE)
    assert len(RULES) == len(TREES) == 25
    assert parse_file("\n".join(texts)) == RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_compiles_to_what_it_says(rule: Rule) -> None:
    plan = compile_rule(rule)
    timing, is_joint, fields = WHAT[rule.name]
    assert (str(plan.timing), plan.is_joint, " ".join(plan.fields)) == (timing, is_joint, fields)
    assert not plan.may_repaint
    assert plan.parts[0].node == (rule.when if rule.where is None else rule.where)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_text_json_and_form_give_it_back(rule: Rule) -> None:
    assert parse_file(print_file([rule])) == [rule]
    assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
    assert tree_of_form(json.loads(json.dumps(form_of(rule)))) == rule


def test_the_rules_of_the_page_are_right() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/rule-language.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bell\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        trees = parse_file(block)
        assert trees
        assert parse_file(print_file(trees)) == trees
