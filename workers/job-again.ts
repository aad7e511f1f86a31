/** What a job returns that is done in part: it runs again with this, behind what waits. */
export class JobAgain {
  readonly payload: object

  constructor(payload: object) {
    this.payload = payload
  }
}
