/** Priorities of routes, the lowest first. An overloaded node sheds the requests of a lower priority first. */
export const priorities = ['batch', 'default', 'critical'] as const

export type Priority = (typeof priorities)[number]

/** Index of a priority in `priorities`. */
export const priorityIndex = (priority: Priority): number => priorities.indexOf(priority)
