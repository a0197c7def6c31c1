"""Puts the gate in front of Odoo when the server starts."""

import logging
import os

import odoo.http
import odoo.service.common
import odoo.service.db
import odoo.service.model
import odoo.service.server
from odoo.modules.module import Manifest, load_openerp_module
from odoo.tools import config

from odoo.addons.base.models.ir_cron import IrCron
from odoo.addons.bus import websocket as bus

from . import admission, outage, redaction
from .gate import Gate
from .pace import paced

_logger = logging.getLogger(__name__)
GATE = "lokario_gate"


def post_load() -> None:
    """Odoo goes on without a server-wide module that fails; without the gate every database would be reachable."""
    redaction.install()
    try:
        _require_server_wide_modules()
        _install(Gate(_job_runner_host()))
    except Exception as error:
        _logger.critical("The gate cannot be put up, so the server does not start.", exc_info=True)
        raise SystemExit(1) from error


def _require_server_wide_modules() -> None:
    """Odoo only logs that a server-wide module cannot be loaded, and serves without the jobs or APIs it stands for."""
    for name in config["server_wide_modules"]:
        if not Manifest.for_addon(name, display_warning=False):
            raise ModuleNotFoundError(f"The server-wide module {name} is in no folder of addons_path.")
        if name != GATE:
            load_openerp_module(name)


def _install(gate: Gate) -> None:
    odoo.http.Application.__call__ = gate.wrap(odoo.http.Application.__call__)
    odoo.http.db_filter = gate.filter_databases
    odoo.http.db_list = gate.list_databases
    odoo.service.model.dispatch = gate.guard_rpc(odoo.service.model.dispatch)
    odoo.service.db.dispatch = gate.guard_database_service(odoo.service.db.dispatch)
    odoo.service.common.dispatch = gate.guard_rpc(odoo.service.common.dispatch)
    IrCron._process_jobs = gate.guard_crons(IrCron._process_jobs)
    bus.Websocket.onopen(gate.close_if_suspended)
    _keep_jobs_in(gate.manager)
    odoo.http.Request._serve_db = outage.answer_when_away(odoo.http.Request._serve_db)
    request, dispatcher = odoo.http.Request, odoo.http.Dispatcher
    request._post_init = admission.limited_from_the_start(request._post_init)
    request.get_json_data = admission.within_values(request.get_json_data)
    dispatcher.pre_dispatch = admission.limited(dispatcher.pre_dispatch)
    handler = odoo.service.server.CommonRequestHandler  # of threads and of workers
    handler.setup = paced(handler.setup)
    server = odoo.service.server.ThreadedServer
    server.cron_thread = outage.restart_cron_thread(server.cron_thread)


def _job_runner_host() -> str:
    """As queue_job finds it (jobrunner/runner.py): it calls the server by the address that this binds."""
    from odoo.addons.queue_job.jobrunner import queue_job_config

    return os.environ.get("ODOO_QUEUE_JOB_HOST") or queue_job_config.get("host") or config["http_interface"] or ""


def _keep_jobs_in(database: str) -> None:
    """The job runner works for the manager alone: its permanent connections would block the instances' life."""
    from odoo.addons.queue_job.jobrunner.runner import QueueJobRunner

    def get_db_names(_runner):
        return [database] if database in odoo.service.db.list_dbs(True) else []

    QueueJobRunner.get_db_names = get_db_names
