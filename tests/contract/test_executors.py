"""Paceline's own executors keep the contract that it ships."""

from paceline.executors.inline import InlineExecutor
from paceline.executors.processes import ProcessExecutor
from paceline.testing.executors import ExecutorContract


class TestInline(ExecutorContract):
    is_concurrent = False

    def make_executor(self, train, context, slots):
        return InlineExecutor(train, context)


class TestProcesses(ExecutorContract):
    def make_executor(self, train, context, slots):
        return ProcessExecutor(train, context, workers=slots)
