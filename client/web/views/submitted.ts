/** A form that is sent nowhere: its fields are handed to the page. */
export function submitted(use: (fields: FormData) => void) {
  return (event: SubmitEvent): void => {
    event.preventDefault();
    use(new FormData(event.currentTarget as HTMLFormElement));
  };
}
