"""One answer from one scenario: replications, until there are enough, and how they are carried out."""
