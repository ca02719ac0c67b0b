"""Runs under pkilint's own Python: lints many files in one process.

Standard input is a JSON list of [program, arguments...], standard output a JSON list of reports, each a list
of [code, severity, place, message].
"""

import importlib
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

reports = []
for program, *arguments in json.load(sys.stdin):
    lint = importlib.import_module(f"pkilint.bin.{program}")
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        lint.main(["lint", "--format", "JSON", *arguments])
    results = json.loads(out.getvalue())["results"]
    reports.append(
        [
            [one["code"], one["severity"], result["node_path"], one["message"] or ""]
            for result in results
            for one in result["finding_descriptions"]
        ]
    )
json.dump(reports, sys.stdout)
