"""Conditions of every kind over a few fields, for tests that hold a fast path to the plain one."""

from hypothesis import strategies as st

FIELDS = ("fund.pe", "fund.pb", "fund.ps", "fund.debt_to_equity")
NUMBERS = (float("nan"), float("inf"), -float("inf"), -2.0, -0.0, 0.0, 1.0, 1.5, 2.0, 3.0)
"""Few and often the same: levels are met, values tie, and some are unknown."""
_LEVELS = st.sampled_from(["0", "1", "1.5", "2", "3"])
_FIELDS = st.sampled_from(FIELDS)
_VALUES = st.one_of(
    _FIELDS,
    st.builds("({} {} {})".format, _FIELDS, st.sampled_from("+-*/"), _FIELDS),
    st.builds("{}({}, {})".format, st.sampled_from(["min", "max", "coalesce"]), _FIELDS, _FIELDS),
    st.builds("{}({})".format, st.sampled_from(["abs", "round"]), _FIELDS),
    st.builds("(-{})".format, _FIELDS),
)
_OPERATORS = st.sampled_from([">", ">=", "<", "<=", "=", "!="])
_COMPARISONS = st.one_of(
    st.builds("{} {} {}".format, _FIELDS, _OPERATORS, _LEVELS),
    st.builds("{} {} {}".format, _LEVELS, _OPERATORS, _FIELDS),
    st.builds("{} {} {}".format, _VALUES, _OPERATORS, _VALUES),
    st.builds("{} {} {}".format, _VALUES, _OPERATORS, _LEVELS),
    st.builds("{} is known".format, _VALUES),
)
CONDITIONS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)
