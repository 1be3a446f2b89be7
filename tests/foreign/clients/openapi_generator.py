"""Uses a server through the client in Python that openapi-generator generated.

DOORWARD_URL is its address, DOORWARD_PASSWORD a password for a new account.
"""

import os
import uuid

import doorward_client as doorward
from doorward_client.exceptions import ApiException, ConflictException

url, password = os.environ["DOORWARD_URL"], os.environ["DOORWARD_PASSWORD"]
name = "og-" + uuid.uuid4().hex[:12]
configuration = doorward.Configuration(host=url)
client = doorward.ApiClient(configuration)

accounts = doorward.AccountsApi(client)
new = doorward.NewAccount(username=name, email=f"{name}@example.com", password=password)
account = accounts.sign_up(new)
assert account.username == name
try:
    accounts.sign_up(new)
    raise AssertionError("signed up twice")
except ConflictException as refused:
    error = doorward.Error.from_json(refused.body)
    assert error.error == doorward.ErrorCode.TAKEN and "username" in error.fields

tokens = doorward.TokensApi(client)
credentials = doorward.Credentials(username=name, password=password)
granted = doorward.SessionsApi(client).sign_in(credentials)
granted = tokens.refresh(doorward.Refresh(refresh_token=granted.refresh_token))
configuration.access_token = granted.access_token
assert accounts.show_own_account() == account
assert tokens.introspect(token=granted.access_token).active
assert not tokens.introspect(token="x").active

work = doorward.WorkItemsApi(client)
added = work.add_work_item_with_http_info(doorward.NewWorkItem(title="Cut the hedge"))
item, tag = added.data, added.headers["etag"]
done = doorward.WorkItemChanges(done=True)
assert work.change_work_item(item.id, done, if_match=tag).done
try:
    work.change_work_item(item.id, done, if_match=tag)
    raise AssertionError("changed an old version")
except ApiException as refused:
    assert refused.status == 412
listed = work.list_work_items(limit=1)
assert listed.items[0].id == item.id and listed.next is None
work.delete_work_item(item.id)

content = "A hedge.\n".encode()
files = doorward.FilesApi(client)
kept = files.add_file(file=("hedge.txt", content), description="The hedge").actual_instance
assert (kept.name, kept.description, kept.size) == ("hedge.txt", "The hedge", len(content))
assert bytes(files.download_file(kept.id)) == content
