export function processMark(pid: number): string | undefined
export function isRunning(mark: string): boolean
