"""The fenced child that renders templates.

An answer that carries values is followed by them in UTF-8, one after the other, with their sizes in the JSON, so that
neither side quotes large texts. What all messages share is told once an answer, as the shapes of the parts.
"""

import codecs
import resource
import signal

from odoo.addons.lokario_base.tools.fenced_child import raise_fence, serve

from .engine import Engine, RenderError, describe

MEMORY = 64 * 1024 * 1024  # bytes above the idle worker
CPU_FENCE = 2  # seconds of one request beyond what its messages may take


class OutOfTime(BaseException):
    """Raised by the timer inside a message that takes too long; templates cannot catch it."""


def main():
    engine = Engine()
    _warm_up(engine)
    signal.signal(signal.SIGVTALRM, _out_of_time)
    raise_fence(MEMORY)
    serve(lambda request, _blob: _framed(engine, request))


def _framed(engine, request):
    _extend_cpu(len(request.get("rows", ())))
    answer, values = _answer(engine, request)
    blob = [value.encode("utf-8", "replace") for value in values]
    return {**answer, "sizes": [len(part) for part in blob]}, b"".join(blob)


def _warm_up(engine):
    """Load every module rendering may need: behind the fence no file can be opened."""
    source = "{% for a in l if a %}{{ 'é\\n' ~ a|number(2) }}{% endfor %}{{ x.y|default('z')|striptags|title }}[FNAME]"
    for kind in ("html", "text", "header"):
        engine.render([(source, kind, False)], {"l": [1]})
        engine.variables(source)
    for broken in ("{{ x", "{{ x|uper }}", "{% nope %}", "{{ 1 / 0 }}"):
        try:
            engine.render([(broken, "html", False)], {})
        except Exception as error:  # noqa: BLE001 only the modules it loads are wanted
            describe(error, broken)
    for encoding in ("unicode_escape", "ascii", "latin-1", "idna"):
        codecs.lookup(encoding)


def _out_of_time(_signal, _frame):
    raise OutOfTime


def _extend_cpu(rows):
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + CPU_FENCE + rows * 0.1)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(engine, request):
    if request["op"] == "inspect":
        return _guarded(_inspect, engine, request), []
    return _render(engine, request)


def _guarded(function, engine, request):
    """Any failure of a template is an answer; only memory that cannot be had ends the worker."""
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.15)
    try:
        return function(engine, request)
    except OutOfTime:
        return {"error": {"message": "The template takes too long to read", "line": 1, "column": 1}}
    except MemoryError:
        return {"error": {"message": "The template needs too much memory", "line": 1, "column": 1}, "retire": True}
    except Exception as error:  # noqa: BLE001 the answer carries it to the author of the template
        return {"error": describe(error, request["source"])}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _inspect(engine, request):
    variables = engine.variables(request["source"])
    engine.compiled(request["source"], request["kind"], request.get("keep_tags", False))
    return {"variables": variables}


def _render(engine, request):
    parts = [tuple(part) for part in request["parts"]]
    common, found, errors, missing, retire = request["common"], [], {}, {}, False
    for index, values in enumerate(request["rows"]):
        try:
            row_found, row_missing = engine.render(parts, {**values, **common})
        except OutOfTime:
            errors[index] = {"message": "The message takes too long to render"}
        except MemoryError:
            errors[index], retire = {"message": "The message needs too much memory"}, True
        except RenderError as error:
            errors[index] = {"message": str(error)}
        except Exception as error:  # noqa: BLE001 the answer carries it to the author of the template
            errors[index] = describe(error, parts[0][0])
        else:
            found += row_found
            for name in row_missing:
                missing[name] = missing.get(name, 0) + 1
    shapes = engine.shapes(parts) if len(errors) < len(request["rows"]) else []
    return {"errors": errors, "missing": missing, "retire": retire, "shapes": shapes}, found
