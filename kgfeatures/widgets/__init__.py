"""What a notebook shows and takes back; today the magics `%kgsql` and `%%kgsql`."""
