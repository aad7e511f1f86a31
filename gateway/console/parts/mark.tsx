/** Sign of the product: a gate. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M8 25V14a8 8 0 0 1 16 0v11h-5V14a3 3 0 0 0-6 0v11z" />
    </svg>
  )
}
