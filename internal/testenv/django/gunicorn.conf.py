# Workers end with their master, however that ends.
import ctypes
import signal

accesslog = None
graceful_timeout = 1


def post_fork(server, worker):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
