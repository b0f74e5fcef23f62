"""A broken budget is a question about the design, not a number to dodge."""

from __future__ import annotations

import ast
import statistics

from .source import APPS, File, Function, Measured, function_lengths, over, source

# Where one failure must not stop the next delivery, each for the reason beside it.
DELIVERY_LOOPS = {
    "kernel/events/delivering.py": "a handler that fails parks its own delivery",
    "kernel/jobs.py": "a job that fails ends with a reason",
    "kernel/messages.py": "a letter that cannot be written is tried again",
    "kernel/rules/running.py": "a rule that fails is recorded, and the next one runs",
    "kernel/timers.py": "a timer that fails leaves the others their turn",
    "payments/services/applying.py": "a notification that fails is parked, and the next one applied",
    "payments/services/invoice_calls.py": "an invoice whose call fails stays to be asked after",
    "payments/services/refund_calls.py": "a refund whose call fails stays to be asked after",
    "payments/services/querying.py": "an attempt that cannot be asked after keeps its place in the ladder",
    "sandbox/courier.py": "the simulator sends the next notification whatever became of the last",
}


class TestFunctions:
    def test_are_short(self) -> None:
        lengths = sorted(it.size for it in function_lengths())

        assert statistics.median(lengths) <= 8
        assert lengths[int(len(lengths) * 0.9)] <= 25

    def test_are_never_longer_than_a_screen(self) -> None:
        assert over(function_lengths(), 50) == []

    def test_take_five_things_at_most_beside_the_time_and_the_person(self) -> None:
        counted = [
            Measured(_parameters(node), f"{file.path}:{node.lineno} {node.name}")
            for file in source()
            for node in file.functions()
        ]

        assert over(counted, 5) == []

    def test_say_the_type_of_everything(self) -> None:
        untyped = [
            f"{file.path}:{node.lineno} {node.name}"
            for file in source()
            for node in file.functions()
            if node.returns is None or any(arg.annotation is None for arg in _arguments(node))
        ]

        assert untyped == []


class TestFiles:
    def test_are_short(self) -> None:
        assert over([Measured(file.text.count("\n"), file.path) for file in source()], 400) == []

    def test_postpone_their_annotations(self) -> None:
        without = [file.path for file in source() if any(file.functions()) and not _postpones(file)]

        assert without == []


class TestImports:
    def test_stand_at_the_top(self) -> None:
        late = [
            f"{file.path}:{inner.lineno}"
            for file in source()
            for node in file.functions()
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom) and _is_ours(inner)
        ]

        assert late == []

    def test_hide_nothing_from_the_running_program(self) -> None:
        hidden = [
            f"{file.path}:{inner.lineno}"
            for file in source()
            for node in ast.walk(file.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom) and _is_ours(inner)
        ]

        assert hidden == []


class TestFailures:
    def test_are_caught_by_name_except_in_delivery_loops(self) -> None:
        broad = {
            file.path
            for file in source()
            for node in ast.walk(file.tree)
            if isinstance(node, ast.ExceptHandler) and _is_broad(node)
        }

        assert sorted(broad - set(DELIVERY_LOOPS)) == []


class TestTheMeasure:
    def test_finds_what_breaks_a_budget(self) -> None:
        tree = ast.parse("def f(self, a, b, c, *, d, e, g, at, by):\n    try: ...\n    except Exception: ...")
        function = tree.body[0]
        assert isinstance(function, ast.FunctionDef)
        handler = next(node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))

        assert _parameters(function) == 6
        assert _is_broad(handler)
        assert not _postpones(File("f.py", "", tree))
        assert over([Measured(3, "here"), Measured(9, "there")], 5) == ["9 there"]


def _arguments(node: Function) -> list[ast.arg]:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    rest = [arg for arg in (node.args.vararg, node.args.kwarg) if arg]
    return [arg for arg in given if arg.arg not in {"self", "cls"}] + rest


def _parameters(node: Function) -> int:
    names = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    return len(names - {"self", "cls", "at", "by"})


def _postpones(file: File) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in file.tree.body)


def _is_ours(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] in APPS
    return any(alias.name.split(".")[0] in APPS for alias in node.names)


def _is_broad(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False  # it tidies up and lets go on
    caught = ast.unparse(node.type) if node.type else "BaseException"
    return any(name in {"Exception", "BaseException"} for name in caught.strip("()").replace(" ", "").split(","))
