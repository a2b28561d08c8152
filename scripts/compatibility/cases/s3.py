"""Settings of a remote on S3: `rain` uses them as DVC does, or refuses them by name."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

from ..sandbox import TOOLS
from . import case

try:
    import boto3
    import dvc_s3  # noqa: F401
    import moto.server  # noqa: F401
except ImportError:
    boto3 = None

# Times are refused or used as well, but no server here is so slow that it shows.
SETTINGS = {"sse": "AES256", "acl": "public-read", "ssl_verify": "/nowhere/ca.pem", "grant_read": "id=nobody",
            "sse_kms_key_id": "key", "read_timeout": "7", "connect_timeout": "7"}


@case
def settings_of_an_s3_remote_are_used_or_refused(c):
    if boto3 is None:
        print("NOT RUN: settings of an S3 remote (pip install 'moto[server]' dvc-s3)")
        return

    def make(repository):
        repository.put("f", "secret\n")
        repository.dvc("add", "f")
        repository.commit("one")
    with serve(c.home) as endpoint:
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        for setting, value in SETTINGS.items():
            c.begin(make)
            for tool, side in c.pair.sides.items():
                side.put(".dvc/config", f"[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/{tool}/{setting}\n"
                         f"    endpointurl = {endpoint}\n    {setting} = {value}\n")
            done = c.run("push")
            if done["rain"].code:
                c.expect_message(done, f"{setting}|{value}")
            else:
                c.found.compare(f"what lies in the bucket with {setting}",
                                {tool: list_objects(client, f"{tool}/{setting}/") for tool in TOOLS})


def list_objects(client, prefix):
    """Objects below a prefix with their size, encryption, and who may do what with them."""
    found = client.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    heads = [(item["Key"], client.head_object(Bucket="bucket", Key=item["Key"])) for item in found]
    return {key.removeprefix(prefix): [head["ContentLength"], head.get("ServerSideEncryption"), list_grants(client, key)]
            for key, head in heads}


def list_grants(client, key):
    grants = client.get_object_acl(Bucket="bucket", Key=key)["Grants"]
    return sorted(f"{grant['Grantee'].get('ID', grant['Grantee'].get('URI'))} {grant['Permission']}" for grant in grants)


@contextlib.contextmanager
def serve(home):
    """A server that speaks S3, with a bucket; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "moto.log", "w") as log:
        server = subprocess.Popen(["moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT"), timeout=10).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.2)
        yield endpoint
    finally:
        server.terminate()
        server.wait()
