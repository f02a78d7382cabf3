"""What a worker process needs, imported once in the server that workers are forked from."""

from pipeline.check.validate import warm_up

warm_up()
