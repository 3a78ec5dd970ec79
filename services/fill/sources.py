"""Which files there are to fetch, and from where."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._paths import filter_repo_objects

from fill.checksums import Checksum
from fill.errors import FillError
from fill.job import Job


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file: where it comes from, where it goes, and how one knows that it is the right one."""

    path: str
    """In the volume."""
    url: str
    checksum: Checksum
    size: int | None
    """In bytes; absent where only the server knows it."""
    headers: dict[str, str] = field(default_factory=dict)
    """What is said to the server, the hub's token among it: only the hub is told."""


def wanted_files(job: Job) -> list[Wanted]:
    """Every file of a job. Raises FillError if the hub does not list them."""
    files = [*_of_repository(job), *_of_links(job)]
    if not files:
        raise FillError(f"{job.called}: no file matches {', '.join(job.files)}")
    return files


def _of_links(job: Job) -> Iterator[Wanted]:
    for link in job.links:
        yield Wanted(link.to, link.url, Checksum("sha256", link.sha256), None)


def _of_repository(job: Job) -> Iterator[Wanted]:
    if not (job.repository and job.revision):
        return
    headers = build_hf_headers()
    for file in filter_repo_objects(_listed(job), allow_patterns=list(job.files) or None, key=_path_of):
        checksum = Checksum("sha256", file.lfs.sha256) if file.lfs else Checksum("git-sha1", file.blob_id)
        url = hf_hub_url(job.repository, file.path, revision=job.revision)
        yield Wanted(file.path, url, checksum, file.size, headers)


def _path_of(file: RepoFile) -> str:
    return str(file.path)


def _listed(job: Job) -> list[RepoFile]:
    repository, revision = str(job.repository), str(job.revision)
    api = HfApi()
    try:
        entries = list(api.list_repo_tree(repository, recursive=True, revision=revision))
    except GatedRepoError as error:
        raise FillError(
            f"{repository} is given only to those who have accepted its terms: do so on its page, and name your token "
            "as hub.token"
        ) from error
    except RepositoryNotFoundError as error:
        raise FillError(f"{repository} is not on {api.endpoint}, or only for those with a token (hub.token)") from error
    except RevisionNotFoundError as error:
        raise FillError(f"{repository} has no revision {revision}") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise FillError(f"{api.endpoint} did not list {repository}: {error}") from error
    return [entry for entry in entries if isinstance(entry, RepoFile)]
