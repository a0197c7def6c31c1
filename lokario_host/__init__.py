"""Runs each client's instance in a process of its own, on demand: see docs/saas.md, "Processes".

* `supervisor`: reads from the manager which instances there are, keeps a listening socket for each, starts a process
  at the first request or when a job is due, and ends it when the instance is suspended.
* `parent`: knows no secret; has Odoo and the templates' modules imported and forks the instances' processes.
* `child`: an instance: drops its privileges, opens its one database, serves, and ends when idle.
"""
