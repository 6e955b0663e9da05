"""The grammar of the rule language, and its parser.

It reads the whole language of the reference, also what the engine does not evaluate yet: a rule that
is valid but too new is answered with "not yet supported", never with a syntax error. LALR(1); Lark
refuses to build it if it had a conflict.

Words that mean something only in one place (`tick`, `once`, `per`'s units, function and field names)
are plain names here and are judged by the reader. Clauses come in any order.
"""

from functools import cache

from lark import Lark

GRAMMAR = r"""
start: alert | screen

alert: "alert" STRING clause*
screen: "screen" STRING screen_clause*

?clause: on | where | when | at | hold | fire | rearm | cooldown | limit | session
       | expires | stale | max_age | severity | notify | digest | action
?screen_clause: on | where | when | order | limit | columns

on: "on" universe ("," universe)*
universe: SYMBOL                        -> symbol
        | NAME                          -> named_universe
        | NAME STRING                   -> named_universe
        | "screen" STRING               -> screen_universe
where: "where" expression
when: "when" expression
at: "at" NAME                           -> at_name
  | "at" DURATION NAME                  -> at_bar
  | "at" NAME NAME                      -> at_update
  | "at" NAME STRING                    -> at_schedule
hold: "hold" DURATION
fire: "fire" NAME                       -> fire_name
    | "fire" NAME "per" NAME            -> fire_per
    | "fire" NAME NAME                  -> fire_every
    | "fire" "on" NAME                  -> fire_on
rearm: "rearm" "when" expression        -> rearm_when
     | "rearm" "after" DURATION         -> rearm_after
     | "rearm" "on" NAME                -> rearm_on
     | "rearm" NAME                     -> rearm_name
cooldown: "cooldown" DURATION ("per" NAME)?
limit: "limit" NUMBER ("per" NAME)?
session: "session" NAME TIME "-" TIME
expires: "expires" "after" DURATION     -> expires_after
       | "expires" DATE                 -> expires_on
       | "expires" NAME                 -> expires_name
stale: "stale" NAME                     -> stale_name
     | "stale" "hold"                   -> stale_hold
     | "stale" "fire"                   -> stale_fire
max_age: "max_age" DURATION
severity: "severity" NAME
notify: "notify" channel ("," channel)* fallback?
fallback: "fallback" channel
channel: NAME (":" (NAME | STRING))?
digest: "digest" DURATION
action: "action" NAME "(" arguments? ")"
order: "order" "by" expression (ASC | DESC)?
columns: "columns" sum ("," sum)*

?expression: conjunction ("or" conjunction)*
?conjunction: negation ("and" negation)*
?negation: "not" negation                             -> not_
         | sequence
?sequence: held
         | held "then" held "within" span             -> then_
?held: predicate
     | held "for" span                                -> held_for
     | held "seen" "in" "last" span                   -> seen
?predicate: sum
          | sum COMPARISON sum                        -> comparison
          | sum "between" sum "and" sum               -> between
          | sum "in" "(" sum ("," sum)* ")"           -> in_
          | sum "crosses" CROSS_DIRECTION sum         -> crosses
          | sum "crosses" sum                         -> crosses_either
          | sum "enters" "(" sum "," sum ")"          -> enters
          | sum "leaves" "(" sum "," sum ")"          -> leaves
          | sum MOVE "by" sum "within" span           -> moves
          | sum "is" TREND                            -> is_trend
          | sum "is" "known"                          -> is_known
?sum: product (SIGN product)*
?product: unary (FACTOR unary)*
?unary: "-" unary                                     -> negative
      | postfix
?postfix: primary
        | postfix MEMBER                              -> member
        | postfix "(" arguments? ")"                  -> call
        | postfix "[" (NUMBER | DURATION) "]"         -> offset
        | postfix "@" (DURATION | NAME)               -> timeframe
?primary: NAME                                        -> name
        | SYMBOL                                      -> symbol
        | NUMBER                                      -> number
        | PERCENT                                     -> percent
        | DURATION                                    -> duration
        | STRING                                      -> text
        | TRUTH                                       -> truth
        | "(" expression ")"                          -> group
arguments: argument ("," argument)*
argument: expression
        | NAME ":" expression                         -> named_argument
span: DURATION | NUMBER "bars"

TRUTH.5: /(true|false)(?![A-Za-z0-9_])/
CROSS_DIRECTION.5: /(above|below)(?![A-Za-z0-9_])/
MOVE.5: /(rises|falls|moves)(?![A-Za-z0-9_])/
TREND.5: /(rising|falling)(?![A-Za-z0-9_])/
ASC: "asc"
DESC: "desc"
COMPARISON: ">=" | "<=" | "!=" | ">" | "<" | "="
SIGN: "+" | "-"
FACTOR: "*" | "/"

DATE.4: /\d{4}-\d{2}-\d{2}/
TIME.4: /\d{1,2}:\d{2}/
PERCENT.3: /\d+(\.\d+)?%/
DURATION.3: /\d+(\.\d+)?(mo|[smhdwqy])(?![A-Za-z0-9_])/
NUMBER.2: /\d+(\.\d+)?([A-Za-z]+|(?![A-Za-z0-9_]))/
STRING: /"(\\["\\]|[^"\\\n\r])*"/
SYMBOL: /\$\{[^{}"\n\r]+\}|\$[A-Za-z0-9_]+(:[A-Za-z0-9_]+)?/
MEMBER: /\.[A-Za-z_][A-Za-z0-9_]*/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
COMMENT: /#[^\n]*/

%ignore COMMENT
%ignore /[ \t\r\n]+/
"""


@cache
def parser() -> Lark:
    """The parser of rules (`start`) and of expressions alone (`expression`), built once a process."""
    return Lark(
        GRAMMAR,
        start=["start", "expression"],
        parser="lalr",
        lexer="contextual",
        propagate_positions=True,
        maybe_placeholders=False,
    )
