/** Keys themselves are never stored: `hash` is the SHA-256 of one. */
export const apiKeys = `
  create table api_keys (
    id text primary key,
    role text not null check (role in ('admin')),
    hash blob not null unique,
    created_at_ms integer not null
  ) strict, without rowid;
`
