"""What passes between the processes: the board, the control socket, the run folders. numpy only."""
