"""Code broken on purpose: within a named place, an expression or some statements become others.

Both are compared as Python reads them, so a line break, a comment or a line above costs nothing.
"""

import ast
from collections.abc import Iterator


class NotOnce(LookupError):
    """What was to be broken is not there, or more than once."""


def broken(source: str, place: str, old: str, new: str) -> str:
    """The module's source with `new` where `old` was: once within `place`, or NotOnce."""
    tree = ast.parse(source)
    if (was := _expression(old)) is not None and (becomes := _expression(new)) is not None:
        wanted: list[ast.AST] = [was]
        put: list[ast.AST] = [becomes]
    else:
        wanted, put = [*ast.parse(old).body], [*ast.parse(new).body]
    found = [hit for node in _places(tree, place.split(".")) for hit in _hits(node, wanted)]
    if len(found) != 1:
        raise NotOnce(f"{len(found)} times in {place}: {old}")
    parent, field, start = found[0]
    there = getattr(parent, field)
    if isinstance(there, list):
        there[start : start + len(wanted)] = put
        if not there and field == "body":
            there.append(ast.Pass())
    else:
        setattr(parent, field, put[0])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _expression(code: str) -> ast.expr | None:
    try:
        return ast.parse(code, mode="eval").body
    except SyntaxError:
        return None


def _places(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """The classes, functions and constants of that name; several where a name is given more than once."""
    if not names:
        yield node
        return
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name == names[0]:
                    yield from _places(child, names[1:])
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if names == [name]:
                    yield child
            case ast.stmt() | ast.excepthandler():
                yield from _places(child, names)


def _hits(place: ast.AST, wanted: list[ast.AST]) -> Iterator[tuple[ast.AST, str, int]]:
    """Where it stands: the node, its field, and the place in the field where that is a list."""
    count, kinds, form = len(wanted), [*map(type, wanted)], [*map(ast.dump, wanted)]
    for parent in ast.walk(place):
        for field, value in ast.iter_fields(parent):
            nodes = value if isinstance(value, list) else [value]
            for start in range(len(nodes) - count + 1):
                here = nodes[start : start + count]
                if [*map(type, here)] == kinds and [*map(ast.dump, here)] == form:
                    yield parent, field, start
