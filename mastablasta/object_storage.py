"""How long we wait for S3."""

from __future__ import annotations

from boto3.s3.transfer import TransferConfig
from botocore.config import Config

CONNECT_S, READ_S = 2.0, 5.0  # until a connection is taken, and for each piece of an answer
TRIES = 2


def client_config(*, connect_s: float = CONNECT_S, read_s: float = READ_S) -> Config:
    """Return botocore's settings: S3 that answers nobody is found out in about ten seconds, not in some minutes.

    botocore's own are 60 s for each of the two and five tries.
    """
    return Config(
        signature_version="s3v4",
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
    )


def transfer_config() -> TransferConfig:
    """Return how files are moved; boto3 would begin a download that breaks off five times."""
    return TransferConfig(num_download_attempts=TRIES)
