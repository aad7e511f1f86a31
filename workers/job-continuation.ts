/**
 * Result of a job that has more work to do: the payload with which the job is queued again, behind the jobs that
 * already wait.
 */
export class JobContinuation {
  readonly payload: object

  constructor(payload: object) {
    this.payload = payload
  }
}
