// Labels as people write them.

/** `env=prod, tier=web` as an object; central checks what is in it. */
export function readLabels(text) {
  const pairs = text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
    const [key, ...value] = part.split('=');
    return [key.trim(), value.join('=').trim()];
  });
  return Object.fromEntries(pairs);
}
