export const ownCache: string
