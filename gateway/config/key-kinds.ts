/** Kinds of keys, which are also the names under `keys` in the settings. */
export const keyKinds = ['assertion', 'encryption', 'audit'] as const
export type KeyKind = (typeof keyKinds)[number]
