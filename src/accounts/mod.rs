//! What a person does with an account: one method a use case.
