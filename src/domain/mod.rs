//! Values that cannot be wrong, and the pure rules over them.
