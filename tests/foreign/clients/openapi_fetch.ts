// Uses a server through openapi-fetch, with the types that openapi-typescript generated.
//
// DOORWARD_URL is its address, DOORWARD_PASSWORD a password for a new account.
import createClient from 'openapi-fetch';
import type { components, paths } from './openapi.js';

declare const process: { env: Record<string, string | undefined> };

const { DOORWARD_URL: baseUrl = '', DOORWARD_PASSWORD: password = '' } = process.env;
const name = `ts-${Math.random().toString(36).slice(2)}`;

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** The data of an answer that is no error. */
function of<T>(answer: { data?: T; error?: unknown }, what: string): T {
  check(answer.data !== undefined, `${what}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

const visitor = createClient<paths>({ baseUrl });
const body: components['schemas']['NewAccount'] = {
  username: name,
  email: `${name}@example.com`,
  password,
};
const account = of(await visitor.POST('/api/accounts', { body }), 'sign up');
// This server verifies no addresses.
check('id' in account, 'an account at once');
check(account.username === name, 'the name of the account');
const { error } = await visitor.POST('/api/accounts', { body });
check(error?.error === 'taken' && 'username' in error.fields, 'the code of an error');

const credentials = { username: name, password };
const first = of(await visitor.POST('/api/sessions', { body: credentials }), 'sign in');
const { refresh_token } = first;
const granted = of(
  await visitor.POST('/api/tokens/refresh', { body: { refresh_token } }),
  'refresh',
);

const headers = { authorization: `Bearer ${granted.access_token}` };
const client = createClient<paths>({ baseUrl, headers });
const mine = of(await client.GET('/api/me'), 'show the account');
check(mine.id === account.id, 'the id of the account');
const claims = of(
  await visitor.POST('/api/tokens/introspect', {
    body: { token: granted.access_token },
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  }),
  'introspect',
);
check(claims.active && claims.username === name, 'the claims of the token');

const added = await client.POST('/api/work-items', {
  params: { header: { 'Idempotency-Key': 'one' } },
  body: { title: 'Cut the hedge' },
});
const { id } = of(added, 'add a work item');
const tag = added.response.headers.get('etag') ?? '';
const change = () =>
  client.PATCH('/api/work-items/{id}', {
    params: { path: { id }, header: { 'If-Match': tag } },
    body: { done: true },
  });
check(of(await change(), 'change a work item').done, 'the change');
check((await change()).error?.error === 'stale', 'an old version');
const listed = of(
  await client.GET('/api/work-items', { params: { query: { limit: 1 } } }),
  'list the work items',
);
check(listed.items[0]?.id === id && listed.next === null, 'the list');
const deleted = await client.DELETE('/api/work-items/{id}', { params: { path: { id } } });
check(deleted.response.status === 204, 'delete a work item');

const content = 'A hedge.\n';
const form = new FormData();
form.set('description', 'The hedge');
form.set('file', new Blob([content]), 'hedge.txt');
const kept = of(
  await client.POST('/api/files', {
    body: { file: '', description: '' },
    bodySerializer: () => form,
  }),
  'upload a file',
);
check('sha256' in kept, 'one file');
check(kept.name === 'hedge.txt' && kept.description === 'The hedge', 'the file');
const downloaded = await client.GET('/api/files/{id}/content', {
  params: { path: { id: kept.id } },
  parseAs: 'text',
});
check(of(downloaded, 'download a file') === content, 'the content of the file');
