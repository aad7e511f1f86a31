/**
 * Exit code of a process that ended because of an internal fault (EX_SOFTWARE of sysexits.h). A supervisor should
 * restart the process. A process with invalid settings exits with 1 instead (docs/design/decisions/0019).
 */
export const CRASHED = 70
