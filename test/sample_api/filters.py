"""The filter language of POST /contacts/search and /accounts/search: strict validation, then a tree of closures.

A compiled filter is a Node. Its `matches` takes a reader, which gives one value of an object at a time; its `keys`,
where there are any, are (field, value) pairs that every match has one of, so that look-ups need no scan.
"""

import re
from decimal import Decimal
from typing import Any, Callable, NamedTuple

from custom_fields import instant, is_decimal, parses
from errors import refuse
from objects import ObjectType, as_list

MAX_DEPTH = 3

COMMON = {"is_set", "is_unset"}
EQUALITY = COMMON | {"equals", "not_equals", "in", "not_in"}
TEXT = EQUALITY | {"string_contains", "string_does_not_contain"}
ORDER = EQUALITY | {"greater_than", "less_than", "greater_than_or_equals", "less_than_or_equals"}
TIME = EQUALITY | {"time_is_after", "time_is_before", "time_range"}
TYPE_OPERATORS = {
    "text": TEXT, "url": TEXT, "user": TEXT, "select": TEXT, "number": ORDER, "decimal": ORDER, "boolean": EQUALITY,
    "date": TIME, "datetime": TIME, "multiselect": COMMON | {"contains", "does_not_contain"},
}
OPERATORS = TEXT | ORDER | TIME | {"contains", "does_not_contain", "and", "or"}

PARTS = {"string_contains", "string_does_not_contain"}
LIST_OPERATORS = {"in", "not_in", "time_range"}
EITHER_OPERATORS = {"contains", "does_not_contain"}
NEGATIVE = {"not_equals": "equals", "not_in": "in", "does_not_contain": "contains",
            "string_does_not_contain": "string_contains"}
# What is asked of a built-in list is asked of its texts.
IN_LISTS = {"equals": "contains", "in": "contains", "not_in": "does_not_contain"}
FINDING = {"equals", "in", "contains"}
TIME_OPERATORS = {"time_is_after", "time_is_before", "time_range"}
ORDER_OPERATORS = ORDER - EQUALITY


class Node(NamedTuple):
    """A compiled filter."""

    matches: Callable[[Any], bool]
    keys: list | None


def compile_filter(tree: Any, kind: ObjectType, settings, definitions: dict) -> Node:
    """Validate and compile; whatever the API does not document as allowed is refused."""
    return Compiler(kind, settings, definitions).node(tree, 1)


class Compiler:
    """What a filter is validated against: the object's fields, the switches and the defined slugs."""

    def __init__(self, kind: ObjectType, settings, definitions: dict) -> None:
        self.kind = kind
        self.settings = settings
        self.definitions = definitions

    def node(self, tree: Any, depth: int) -> Node:
        """A compound or a leaf, at a level of the tree."""
        if not isinstance(tree, dict):
            raise refuse("a filter must be an object")
        operator = tree.get("operator")
        if not isinstance(operator, str) or operator not in OPERATORS:
            raise refuse(f"unknown filter operator {operator!r}")
        compound = operator in ("and", "or")
        if depth > MAX_DEPTH and (compound or self.settings.depth_counts_leaves):
            raise refuse(f"a filter may be {MAX_DEPTH} levels deep")
        if compound:
            return self.compound(operator, tree, depth)
        return self.leaf(operator, tree)

    def compound(self, operator: str, tree: dict, depth: int) -> Node:
        """A conjunction needs the keys of one branch, a disjunction those of all."""
        branches = tree.get("subfilters")
        if not isinstance(branches, list) or not branches:
            raise refuse(f"filter operator {operator} needs subfilters")
        nodes = [self.node(branch, depth + 1) for branch in branches]
        tests = [node.matches for node in nodes]
        keys = [node.keys for node in nodes if node.keys is not None]
        if operator == "and":
            return Node(lambda reader: all(test(reader) for test in tests), min(keys, key=len, default=None))
        every = [key for branch in keys for key in branch] if len(keys) == len(nodes) else None
        return Node(lambda reader: any(test(reader) for test in tests), every)

    def leaf(self, operator: str, tree: dict) -> Node:
        """A comparison of one field."""
        field = tree.get("field")
        if not isinstance(field, str) or not field:
            raise refuse(f"filter operator {operator} needs a field")
        if tree.get("subfilters") is not None:
            raise refuse(f"filter operator {operator} takes no subfilters")
        operands = self.operands(operator, tree)
        if field in self.kind.operators:
            return self.built_in(field, operator, operands)
        return self.custom(field, operator, operands)

    def operands(self, operator: str, tree: dict) -> list[str]:
        """`value` or `values`, by operator; every operand is a string on the wire."""
        if operator in COMMON:
            return []
        value, values = tree.get("value"), tree.get("values")
        if operator in LIST_OPERATORS or (operator in EITHER_OPERATORS and values is not None):
            operands = values
        else:
            operands = None if value is None else [value]
        if not isinstance(operands, list):
            raise refuse(f"filter operator {operator} needs {'values' if operator in LIST_OPERATORS else 'value'}")
        if not all(isinstance(operand, str) for operand in operands):
            raise refuse(f"filter operator {operator} takes strings")
        return self.checked_list(operator, operands)

    def checked_list(self, operator: str, operands: list[str]) -> list[str]:
        """The limits of lists."""
        longest = self.settings.max_in
        if longest and len(operands) > longest:
            raise refuse(f"filter operator {operator} takes at most {longest} values")
        if not operands and (operator not in ("in", "not_in") or self.settings.empty_in == "error"):
            raise refuse(f"filter operator {operator} needs at least one value")
        if operator == "time_range" and len(operands) != 2:
            raise refuse("filter operator time_range takes two values")
        return operands

    def built_in(self, field: str, operator: str, operands: list[str]) -> Node:
        """A field of the object itself; a list is in others where one of its texts is."""
        late = field in self.kind.later_filters and self.settings.era == "A"
        if late or (field == "name" and self.settings.refuse_name_filter):
            raise refuse(f"{self.kind.plural} can't be filtered by {field}")
        if operator not in self.kind.operators[field]:
            raise refuse(f"filter operator {operator} is not allowed on {field}")
        if operands and isinstance(self.kind.empties.get(field), list):
            operator = IN_LISTS.get(operator, operator)
        test = self.test(operator, operands)
        keys = None
        if field in self.kind.indexed and operator in FINDING and operands:
            keys = [(field, operand) for operand in operands]
        return Node(lambda reader: test(reader.value(field)), keys)

    def custom(self, slug: str, operator: str, operands: list[str]) -> Node:
        """A custom field; `values` of a multi-valued one are tested as a list."""
        kind = self.custom_type(slug)
        if not self.settings.allows("custom_operators", operator):
            raise refuse(f"filter operator {operator} is not allowed on {slug}")
        if not self.suits(operator, kind):
            raise refuse(f"filter operator {operator} is not allowed on {slug} of type {kind}")
        test = self.test(operator, operands)
        if operator in COMMON and not self.settings.empty_is_set:
            return Node(lambda reader: test(custom_text(reader.custom(slug)) or None), None)
        return Node(lambda reader: test(custom_text(reader.custom(slug))), None)

    def suits(self, operator: str, kind: str | None) -> bool:
        """Whether fields of the type take the operator; a switch of its own says that of texts in lists."""
        if kind == "multiselect" and operator in PARTS:
            return self.settings.lists_hold_text != "refuse"
        return not self.settings.typed_operators or kind is None or operator in TYPE_OPERATORS.get(kind, TEXT)

    def custom_type(self, slug: str) -> str | None:
        """The type of a slug; None for an unknown one where that is allowed."""
        if slug in self.definitions:
            return self.definitions[slug].get("type", "text")
        if self.settings.unknown_slug == "error":
            raise refuse(f"{slug!r} is neither a filterable field nor a custom field of {self.kind.plural}")
        return None

    def test(self, operator: str, operands: list[str]) -> Callable[[Any], bool]:
        """The comparison itself; negatives are the opposite, except for what has no value."""
        if operator in NEGATIVE:
            positive = self.test(NEGATIVE[operator], operands) if operands else lambda value: False
            unset = self.settings.not_in_null == "match"
            return lambda value: unset if value is None else not positive(value)
        if operator in TIME_OPERATORS:
            return time_test(operator, operands)
        if operator in ORDER_OPERATORS:
            return order_test(operator, operands[0])
        if operator in COMMON:
            return (lambda value: value is not None) if operator == "is_set" else (lambda value: value is None)
        return self.text_test(operator, operands)

    def text_test(self, operator: str, operands: list[str]) -> Callable[[Any], bool]:
        """equals, in, contains and string_contains, with or without heed to case."""
        if not operands:
            everything = self.settings.empty_in == "all"
            return lambda value: everything
        fold = str if self.settings.case_sensitive else str.lower
        wanted = frozenset(fold(operand) for operand in operands)
        if operator == "string_contains":
            return self.part_test(fold, operands[0])
        if operator == "contains":
            return lambda value: value is not None and any(fold(item) in wanted for item in as_list(value))
        return lambda value: isinstance(value, str) and fold(value) in wanted


    def part_test(self, fold: Callable[[str], str], operand: str) -> Callable[[Any], bool]:
        """string_contains: as it stands or as a pattern, and in values of lists or not."""
        pattern = like_pattern(fold(operand)) if self.settings.text_pattern else re.compile(re.escape(fold(operand)))
        into = self.settings.lists_hold_text == "into"

        def test(value: Any) -> bool:
            if isinstance(value, list):
                return into and any(pattern.search(fold(item)) for item in value)
            return isinstance(value, str) and pattern.search(fold(value)) is not None

        return test


def like_pattern(text: str) -> re.Pattern:
    """Each sign of a pattern of SQL's LIKE in the words of a regular expression."""
    signs = re.findall(r"\\?.", text, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(sign) or re.escape(sign[-1]) for sign in signs), re.DOTALL)


def custom_text(entry: dict | None) -> str | list | None:
    """The value of a custom field: text, a list, or None where it is not set."""
    if not entry:
        return None
    return entry.get("values") if entry.get("values") is not None else entry.get("value")


def time_test(operator: str, operands: list[str]) -> Callable[[Any], bool]:
    """Moments compare as moments, not as text; a range includes its ends."""
    if not all(parses(instant, operand) for operand in operands):
        raise refuse(f"filter operator {operator} takes times as in RFC 3339")
    low, high = instant(operands[0]), instant(operands[-1])
    compare = {"time_is_after": lambda moment: moment > low, "time_is_before": lambda moment: moment < low,
               "time_range": lambda moment: low <= moment <= high}[operator]
    return lambda value: isinstance(value, str) and parses(instant, value) and compare(instant(value))


def order_test(operator: str, operand: str) -> Callable[[Any], bool]:
    """Numbers compare as numbers, not as text."""
    if not is_decimal(operand):
        raise refuse(f"filter operator {operator} takes a number")
    limit = Decimal(operand)
    compare = {"greater_than": lambda number: number > limit, "less_than": lambda number: number < limit,
               "greater_than_or_equals": lambda number: number >= limit,
               "less_than_or_equals": lambda number: number <= limit}[operator]
    return lambda value: isinstance(value, str) and is_decimal(value) and compare(Decimal(value))
