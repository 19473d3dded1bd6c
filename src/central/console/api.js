// Requests to central, and the session that they are made with.
//
// The access token is in memory alone. The refresh token is in the storage of this tab, so that a reload stays logged in.

const STORED = 'mk8s.refresh';
const EARLY = 20_000;

let access = null;
let expires = 0;
let refreshing = null;
let user = null;
let changed = () => {};

// A duplicated tab has a copy of the refresh token, which is good once: whoever uses it tells the others.
const tabs = new BroadcastChannel('mk8s.session');
tabs.onmessage = ({ data }) => {
  if (stored() && data.used === stored()) keep(data.tokens);
};

/** What central, or the way to it, has against a request. */
export class Problem extends Error {
  constructor(status, detail, requestId) {
    super(detail);
    this.status = status;
    this.requestId = requestId;
  }
}

/** Calls back when somebody has logged in or out, or has other roles. */
export const onSession = (callback) => { changed = callback; };
export const currentUser = () => user;
export const isAdmin = () => Boolean(user?.roles.includes('admin'));

const stored = () => sessionStorage.getItem(STORED);

function keep(tokens) {
  access = tokens.access_token;
  expires = Date.now() + tokens.expires_in * 1000;
  sessionStorage.setItem(STORED, tokens.refresh_token);
  become(tokens.user);
}

function become(next) {
  const before = JSON.stringify(user);
  user = next;
  if (JSON.stringify(user) !== before) changed();
}

function forget() {
  access = null;
  sessionStorage.removeItem(STORED);
  become(null);
}

async function send(method, path, { body, token, accept, signal } = {}) {
  const headers = { accept: accept ?? 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method, headers, signal, body: body && JSON.stringify(body),
      credentials: 'omit', cache: 'no-store', redirect: 'error',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'Central cannot be reached. Look at the connection, and try again.');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail ?? `Central answered ${response.status}.`,
    problem.request_id ?? response.headers.get('x-request-id'));
}

/** Begins a session. */
export async function logIn(email, password) {
  keep(await (await send('POST', '/auth/login', { body: { email, password } })).json());
  await whoAmI();
}

/** Takes up the session that a reload has left; whether there was one. */
export async function resume() {
  if (!stored()) return false;
  await whoAmI();
  return Boolean(user);
}

/** Ends the session, here and at central. */
export async function logOut() {
  try {
    await call('POST', '/auth/logout');
  } catch (problem) {
    if (problem.status !== 401) throw problem;
  } finally {
    forget();
  }
}

async function whoAmI() {
  const me = await call('GET', '/auth/me');
  become(me.user);
}

/** The next tokens; however many ask for them, one request is made. */
function refresh() {
  refreshing ??= exclusively(async () => {
    const used = stored();
    if (!used) throw new Problem(401, 'You are not logged in.');
    if (access && Date.now() < expires - EARLY) return;
    try {
      const tokens = await (await send('POST', '/auth/refresh', { body: { refresh_token: used } })).json();
      tabs.postMessage({ used, tokens });
      if (stored() === used) keep(tokens);
    } catch (problem) {
      if (problem.status === 401) forget();
      throw problem;
    }
  }).finally(() => { refreshing = null; });
  return refreshing;
}

const exclusively = (work) => (navigator.locks ? navigator.locks.request('mk8s.refresh', work) : work());

/** A request of the session; its response. */
export async function request(method, path, options = {}) {
  if (!access || Date.now() > expires - EARLY) await refresh();
  const token = access;
  try {
    return await send(method, path, { ...options, token });
  } catch (problem) {
    if (problem.status === 403 && path.startsWith('/admin') && isAdmin()) await whoAmI();
    if (problem.status !== 401) throw problem;
    if (access === token) access = null;
    if (!access) await refresh();
    try {
      return await send(method, path, { ...options, token: access });
    } catch (again) {
      if (again.status === 401) forget();
      throw again;
    }
  }
}

/** The same; what it answers. */
export async function call(method, path, body, signal) {
  const response = await request(method, path, { body, signal });
  return response.status === 204 ? null : response.json();
}

export const get = (path, signal) => call('GET', path, undefined, signal);
/** A path with values in it that may hold anything. */
export const at = (parts, ...values) => String.raw({ raw: parts }, ...values.map(encodeURIComponent));
