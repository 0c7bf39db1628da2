/** Why a certificate does not prove what it says. */
export class Refused extends Error {}
