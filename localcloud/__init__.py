"""The local cloud: an embedded AWS that runs Tenantry whole on one machine.

`python -m localcloud up` starts it and deploys; `localcloud.process` and `localcloud.snapshot`
do the same for tests. Everything listens on 127.0.0.1 only.
"""
