export const ownFolder: string
export const ownCache: string
