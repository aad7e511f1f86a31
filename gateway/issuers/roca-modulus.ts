/**
 * Odd primes. For each prime: the remainders that an RSA modulus of the faulty ROCA key generator can have when it is
 * divided by the prime. They are the powers of 65537.
 */
const residues = [
  ...[3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73],
  ...[79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167],
].map((prime) => ({ prime: BigInt(prime), powers: powersOf(65_537, prime) }))

/**
 * Whether an RSA modulus has the form that the faulty key generator of CVE-2017-15361 (ROCA) produces. A 2048-bit key
 * of that form can be factored for about 20,000 dollars (2017), and the attacker can then sign tokens. One in 240
 * million other moduli also has this form.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return residues.every(({ prime, powers }) => powers.has(Number(modulus % prime)))
}

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power)
  return powers
}
