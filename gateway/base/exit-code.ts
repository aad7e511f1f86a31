/**
 * Exit code of a process that a fault of its own ended (EX_SOFTWARE of sysexits.h): to be started again, unlike one whose
 * settings do not hold, which ends with 1.
 */
export const CRASHED = 70
