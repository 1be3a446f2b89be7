"""Uses a server through the client that openapi-python-client generated.

DOORWARD_URL is its address, DOORWARD_PASSWORD a password for a new account.
"""

import os
import uuid
from io import BytesIO
from typing import TypeVar, cast

from doorward_client import AuthenticatedClient, Client
from doorward_client.api.accounts import show_own_account, sign_up
from doorward_client.api.files import add_file, download_file
from doorward_client.api.sessions import list_sessions, sign_in
from doorward_client.api.tokens import introspect, refresh
from doorward_client.api.work_items import (
    add_work_item,
    change_work_item,
    delete_work_item,
    list_work_items,
)
from doorward_client.models import (
    Account,
    Credentials,
    Error,
    ErrorCode,
    File,
    Granted,
    Introspect,
    Introspected,
    NewAccount,
    NewFile,
    NewWorkItem,
    Refresh,
    Sessions,
    WorkItem,
    WorkItemChanges,
    WorkItems,
)
from doorward_client.types import File as FileToSend

T = TypeVar("T")


def of(kind: type[T], answer: object) -> T:
    assert isinstance(answer, kind), answer
    return answer


url, password = os.environ["DOORWARD_URL"], os.environ["DOORWARD_PASSWORD"]
name = "opc-" + uuid.uuid4().hex[:12]
visitor = Client(base_url=url)

new = NewAccount(username=name, email=f"{name}@example.com", password=password)
account = of(Account, sign_up.sync(client=visitor, body=new))
assert account.username == name
error = of(Error, sign_up.sync(client=visitor, body=new))
assert error.error == ErrorCode.TAKEN, error
assert "username" in error.fields.additional_properties

credentials = Credentials(username=name, password=password)
# Basic credentials are possible here, so its type asks for a client that has some.
anyone = cast(AuthenticatedClient, visitor)
granted = of(Granted, sign_in.sync(client=anyone, body=credentials))
again = Refresh(refresh_token=granted.refresh_token)
granted = of(Granted, refresh.sync(client=visitor, body=again))
client = AuthenticatedClient(base_url=url, token=granted.access_token)
assert of(Account, show_own_account.sync(client=client)) == account
assert of(Sessions, list_sessions.sync(client=client)).items[0].current

token = Introspect(token=granted.access_token)
claims = of(Introspected, introspect.sync(client=visitor, body=token))
assert claims.active and claims.username == name
claims = of(Introspected, introspect.sync(client=visitor, body=Introspect(token="x")))
assert not claims.active

item = NewWorkItem(title="Cut the hedge")
added = add_work_item.sync_detailed(client=client, body=item, idempotency_key="one")
made, tag = of(WorkItem, added.parsed), added.headers["etag"]
done = WorkItemChanges(done=True)
changed = change_work_item.sync(made.id, client=client, body=done, if_match=tag)
assert of(WorkItem, changed).done
stale = change_work_item.sync(made.id, client=client, body=done, if_match=tag)
assert of(Error, stale).error == ErrorCode.STALE
listed = of(WorkItems, list_work_items.sync(client=client, limit=1))
assert listed.items[0].id == made.id and listed.next_ is None
assert delete_work_item.sync_detailed(made.id, client=client).status_code == 204

content = "A hedge.\n".encode()
upload = NewFile(
    file=FileToSend(payload=BytesIO(content), file_name="hedge.txt", mime_type="text/plain"),
    description="The hedge",
)
kept = of(File, add_file.sync(client=client, body=upload))
assert (kept.name, kept.description, kept.size) == ("hedge.txt", "The hedge", len(content))
assert of(FileToSend, download_file.sync(kept.id, client=client)).payload.read() == content
