export const localFolder: string
export const localCache: string
