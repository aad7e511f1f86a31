/**
 * Exit code of a process that ended because of an internal fault (EX_SOFTWARE of sysexits.h). The process should be
 * restarted, unlike one with invalid settings, which exits with 1 (docs/design/decisions/0019).
 */
export const CRASHED = 70
